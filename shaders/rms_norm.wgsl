// y = x / sqrt(mean(x^2) + eps) * w by rows (arXiv 1910.07467).
//
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

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let start = group.x * STRIDE;
    var sum = 0.0;
    for (var i = thread; i < WIDTH; i += 64u) {
        sum = fma(x[start + i], x[start + i], sum);
    }
    sums[thread] = sum;
    workgroupBarrier();
    sum = 0.0;
    for (var i = 0u; i < 64u; i++) {
        sum += sums[i];
    }
    let inverse = 1.0 / sqrt(sum / f32(WIDTH) + EPS);
    for (var i = thread; i < WIDTH; i += 64u) {
        y[start + i] = x[start + i] * inverse * w[i];
    }
}
