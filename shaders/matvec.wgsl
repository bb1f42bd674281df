// y = W x for few rows of x, with what follows it in the decoder.
//
// Follows product.wgsl, one of weights/*.wgsl and weights/block.wgsl.
// Grid:      [groups of 256 / SLICES outputs, rows, 1]; a workgroup's threads are its outputs times
//            SLICES slices of the columns: few where there are many outputs, else many.
override SLICES: u32 = 4u;

var<workgroup> sums: array<vec2<f32>, 256>;

fn slice_sum(panel: u32, output: u32, slice: u32, row: u32) -> f32 {
    var sum = vec4<f32>(0.0);
    for (var block = slice; block < BLOCKS; block += SLICES) {
        let w = block_values(panel, block, output);
        let start = (row * BLOCKS + block) * 8u;
        for (var i = 0u; i < 8u; i++) {
            sum = fma(w[i], x[start + i], sum);
        }
    }
    return sum.x + sum.y + sum.z + sum.w;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let width = 256u / SLICES;
    let slice = thread / width;
    let output = group.x * width + thread % width;
    let panel = output / 64u;
    let row = group.y;
    var sum = vec2<f32>(slice_sum(panel, output % 64u, slice, row), 0.0);
    if MODE == 2u {
        sum.y = slice_sum(panel + up_panel(), output % 64u, slice, row);
    }
    sums[thread] = sum;
    workgroupBarrier();
    if slice != 0u || output >= OUTPUTS {
        return;
    }
    for (var s = 1u; s < SLICES; s++) {
        sum += sums[s * width + thread];
    }
    finish(row, output, sum.x, sum.y);
}
