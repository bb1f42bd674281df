// y = x / sqrt(mean(x^2) + eps) * w by rows (arXiv 1910.07467).
//
// Follows one of reduce/*.wgsl.
// Bindings:  0 x  [rows, STRIDE]
//            1 w  [WIDTH]
//            2 y  [rows, STRIDE]
// Grid:      [rows, 1, 1]; a workgroup has a row.
override WIDTH: u32;
override STRIDE: u32;
override EPS: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>; // [rows, STRIDE]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [WIDTH]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [rows, STRIDE]

const THREADS = 256u;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let start = group.x * STRIDE;
    var sum = 0.0;
    for (var i = thread; i < WIDTH; i += THREADS) {
        sum = fma(x[start + i], x[start + i], sum);
    }
    let inverse = 1.0 / sqrt(workgroup_sum(thread, sum) / f32(WIDTH) + EPS);
    for (var i = thread; i < WIDTH; i += THREADS) {
        y[start + i] = x[start + i] * inverse * w[i];
    }
}
