// Matrix rows in bfloat16.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns][16 pairs of columns][64 rows], a word a
// pair, its first value in the lower half.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    return vec2<f32>(1.0, 0.0);
}

fn quad(at: u32) -> vec4<f32> {
    let first = weights[at];
    let second = weights[at + 64u];
    return bitcast<vec4<f32>>(vec4<u32>(
        first << 16u,
        first & 0xffff0000u,
        second << 16u,
        second & 0xffff0000u,
    ));
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let at = (panel * BLOCKS + block) * 1024u + i * 128u + row;
    return array<vec4<f32>, 2>(quad(at), quad(at + 512u));
}
