// Four columns of a tile of matmul.wgsl, and their products, in f32.
alias Quad = vec4<f32>;

fn x_quad(x: vec4<f32>) -> Quad {
    return x;
}

fn w_quad(w: vec4<f32>) -> Quad {
    return w;
}

fn add(x: Quad, w: Quad, sum: f32) -> f32 {
    return fma(x.w, w.w, fma(x.z, w.z, fma(x.y, w.y, fma(x.x, w.x, sum))));
}

fn summed(sums: vec4<f32>) -> vec4<f32> {
    return sums;
}
