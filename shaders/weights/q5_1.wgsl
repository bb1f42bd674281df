// Matrix rows in ggml's Q5_1: 32 numbers of 5 bits with scale and minimum in half precision,
// value = d q + m.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 384 words: one word a row with d in
// its lower and m in its upper half, one word a row whose bit j is column j's fifth bit, then
// [4 words][64 rows]; byte j of a row's 16 holds column j in its low nibble and column j + 16 in its
// high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    return unpack2x16float(weights[(panel * BLOCKS + block) * 384u + row]);
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let at = (panel * BLOCKS + block) * 384u + 64u + row;
    let fifths = weights[at] >> (4u * i);
    let word = weights[at + 64u + i * 64u];
    return array<vec4<f32>, 2>(
        scale.x * five_bits(word, fifths) + scale.y,
        scale.x * five_bits(word >> 4u, fifths >> 16u) + scale.y,
    );
}
