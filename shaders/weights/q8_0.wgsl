// Matrix rows in ggml's Q8_0: 32 signed bytes with a scale in half precision, value = d q.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 544 words: 32 words of scales (row r
// in word r mod 32, its lower half for r below 32), then [8 quads][64 rows] of four bytes, the first
// value in the lowest byte.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    let d = unpack2x16float(weights[(panel * BLOCKS + block) * 544u + row % 32u])[row / 32u];
    return vec2<f32>(d, 0.0);
}

fn quad(at: u32) -> vec4<f32> {
    let word = bitcast<i32>(weights[at]);
    return vec4<f32>(vec4<i32>(word << 24u, word << 16u, word << 8u, word) >> vec4<u32>(24u));
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let at = (panel * BLOCKS + block) * 544u + 32u + i * 64u + row;
    return array<vec4<f32>, 2>(scale.x * quad(at), scale.x * quad(at + 256u));
}
