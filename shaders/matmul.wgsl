// Y = X W^T for many rows of X, with what follows it in the decoder: a bias, the residual sum, or
// SwiGLU.
//
// Follows one of weights/*.wgsl, which reads blocks of 32 columns of W.
// Bindings:  0 W (see there)
//            1 x      [rows, 32 BLOCKS]        columns behind W's are zeros
//            2 y      [rows, OUTPUT_STRIDE]
//            3 bias   [OUTPUTS] where HAS_BIAS, else anything
//            4 rows   of x
// Grid:      [panels of 64 outputs, tiles of 32 rows, 1]; a thread has one output and 8 rows, the
//            workgroup's 32 rows of a block of columns lie in shared memory.
// MODE:      as in matvec.wgsl.
override BLOCKS: u32;
override OUTPUTS: u32;
override OUTPUT_STRIDE: u32;
override FIRST_OUTPUT: u32 = 0u;
override MODE: u32 = 0u;
override HAS_BIAS: bool = false;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, 8 BLOCKS]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [rows, OUTPUT_STRIDE]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [OUTPUTS]
@group(0) @binding(4) var<uniform> rows: vec4<u32>; // x: number of rows

const ROWS = 8u;
var<workgroup> tile: array<vec4<f32>, 256>; // [32 rows][8 quads]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let output = thread % 64u;
    let first = thread / 64u * ROWS;
    let tile_row = group.y * 32u;
    var sums: array<f32, 8>;
    var ups: array<f32, 8>;
    let loaded = min(tile_row + thread / 8u, rows.x - 1u);
    for (var block = 0u; block < BLOCKS; block++) {
        workgroupBarrier();
        tile[thread] = x[(loaded * BLOCKS + block) * 8u + thread % 8u];
        workgroupBarrier();
        let w = block_values(group.x, block, output);
        for (var r = 0u; r < ROWS; r++) {
            var sum = vec4<f32>(0.0);
            for (var i = 0u; i < 8u; i++) {
                sum = fma(w[i], tile[(first + r) * 8u + i], sum);
            }
            sums[r] += sum.x + sum.y + sum.z + sum.w;
        }
        if MODE == 2u {
            let up = block_values(group.x + (OUTPUTS + 63u) / 64u, block, output);
            for (var r = 0u; r < ROWS; r++) {
                var sum = vec4<f32>(0.0);
                for (var i = 0u; i < 8u; i++) {
                    sum = fma(up[i], tile[(first + r) * 8u + i], sum);
                }
                ups[r] += sum.x + sum.y + sum.z + sum.w;
            }
        }
    }
    let index = group.x * 64u + output;
    if index >= OUTPUTS {
        return;
    }
    for (var r = 0u; r < ROWS; r++) {
        let row = tile_row + first + r;
        if row >= rows.x {
            return;
        }
        let place = row * OUTPUT_STRIDE + FIRST_OUTPUT + index;
        if MODE == 2u {
            y[place] = sums[r] / (1.0 + exp(-sums[r])) * ups[r];
        } else if MODE == 1u {
            y[place] += sums[r];
        } else if HAS_BIAS {
            y[place] = sums[r] + bias[FIRST_OUTPUT + index];
        } else {
            y[place] = sums[r];
        }
    }
}
