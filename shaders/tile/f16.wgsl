// Four columns of a tile of matmul.wgsl in half precision, where the GPU computes in it and the weights
// are stored in no more than 16 bits: four products are added in half precision, these sums in f32.
// Activations are kept a sixteenth as large, so that they overflow from a million on, and those below
// a thousandth are rounded to some millionths.
alias Quad = vec4<f16>;

fn x_quad(x: vec4<f32>) -> Quad {
    return Quad(x * 0.0625);
}

fn w_quad(w: vec4<f32>) -> Quad {
    return Quad(w);
}

fn add(x: Quad, w: Quad, sum: f32) -> f32 {
    return sum + f32(dot(x, w));
}

fn summed(sums: vec4<f32>) -> vec4<f32> {
    return sums * 16.0;
}
