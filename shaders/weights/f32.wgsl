// Matrix rows in f32.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns][32 columns][64 rows], so that
// neighbouring rows are read from neighbouring addresses.
@group(0) @binding(0) var<storage, read> weights: array<f32>;

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    return vec2<f32>(1.0, 0.0);
}

fn quad(at: u32) -> vec4<f32> {
    return vec4<f32>(weights[at], weights[at + 64u], weights[at + 128u], weights[at + 192u]);
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let at = (panel * BLOCKS + block) * 2048u + i * 256u + row;
    return array<vec4<f32>, 2>(quad(at), quad(at + 1024u));
}
