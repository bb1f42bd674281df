// Matrix rows in ggml's Q5_0: 32 numbers of 5 bits with a scale in half precision, value = d (q - 16).
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 352 words: 32 words of scales (row r
// in word r mod 32, its lower half for r below 32), one word a row whose bit j is column j's fifth
// bit, then [4 words][64 rows]; byte j of a row's 16 holds column j in its low nibble and column
// j + 16 in its high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    let d = unpack2x16float(weights[(panel * BLOCKS + block) * 352u + row % 32u])[row / 32u];
    return vec2<f32>(d, 0.0);
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let at = (panel * BLOCKS + block) * 352u + 32u + row;
    let fifths = weights[at] >> (4u * i);
    let word = weights[at + 64u + i * 64u];
    return array<vec4<f32>, 2>(
        scale.x * (five_bits(word, fifths) - 16.0),
        scale.x * (five_bits(word >> 4u, fifths >> 16u) - 16.0),
    );
}
