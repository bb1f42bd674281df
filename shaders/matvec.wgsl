// y = W x for few rows of x, with what follows it in the decoder: a bias, the residual sum, or SwiGLU.
//
// Follows one of weights/*.wgsl, which reads blocks of 32 columns of W.
// Bindings:  0 W (see there)
//            1 x      [rows, 32 BLOCKS]        columns behind W's are zeros
//            2 y      [rows, OUTPUT_STRIDE]
//            3 bias   [OUTPUTS] where HAS_BIAS, else anything
// Grid:      [panels of 64 outputs, rows, 1]; 64 outputs x 4 slices of the columns a workgroup.
// MODE:      0  y = W x + bias,  1  y += W x,  2  y = silu(G x) * (U x) where W is G over U, each in
//            panels of its own.
override BLOCKS: u32;
override OUTPUTS: u32;
override OUTPUT_STRIDE: u32;
override FIRST_OUTPUT: u32 = 0u;
override MODE: u32 = 0u;
override HAS_BIAS: bool = false;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, 8 BLOCKS]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [rows, OUTPUT_STRIDE]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [OUTPUTS]

const SLICES = 4u;
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
    let output = thread % 64u;
    let slice = thread / 64u;
    let row = group.y;
    var sum = vec2<f32>(slice_sum(group.x, output, slice, row), 0.0);
    if MODE == 2u {
        sum.y = slice_sum(group.x + (OUTPUTS + 63u) / 64u, output, slice, row);
    }
    sums[thread] = sum;
    workgroupBarrier();
    let index = group.x * 64u + output;
    if slice != 0u || index >= OUTPUTS {
        return;
    }
    for (var s = 1u; s < SLICES; s++) {
        sum += sums[s * 64u + output];
    }
    let place = row * OUTPUT_STRIDE + FIRST_OUTPUT + index;
    if MODE == 2u {
        y[place] = sum.x / (1.0 + exp(-sum.x)) * sum.y;
    } else if MODE == 1u {
        y[place] += sum.x;
    } else if HAS_BIAS {
        y[place] = sum.x + bias[FIRST_OUTPUT + index];
    } else {
        y[place] = sum.x;
    }
}
