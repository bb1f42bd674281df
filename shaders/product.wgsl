// What products with few and with many rows have alike: sizes, bindings and what follows a product.
//
// Bindings:  0 W (see weights/*.wgsl)
//            1 x      [rows, 32 BLOCKS]        columns behind W's are zeros
//            2 y      [rows, OUTPUT_STRIDE]
//            3 bias   [OUTPUTS] where HAS_BIAS, else anything
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

// The panel where U begins.
fn up_panel() -> u32 {
    return (OUTPUTS + 63u) / 64u;
}

// Writes a product, and with MODE 2 that of G and U.
fn finish(row: u32, output: u32, sum: f32, up: f32) {
    let place = row * OUTPUT_STRIDE + FIRST_OUTPUT + output;
    if MODE == 2u {
        y[place] = sum / (1.0 + exp(-sum)) * up;
    } else if MODE == 1u {
        y[place] += sum;
    } else if HAS_BIAS {
        y[place] = sum + bias[FIRST_OUTPUT + output];
    } else {
        y[place] = sum;
    }
}
