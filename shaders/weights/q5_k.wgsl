// Matrix rows in ggml's Q5_K: units of 256 numbers of 5 bits with two halves, d and e, and for each 32
// columns a scale s and a minimum m of 6 bits, value = d s q - e m.
//
// A panel holds 64 rows. Layout: [panel][unit of 8 blocks of 32 columns] of 2816 words: one word a row
// with d in its lower and e in its upper half, [3 words][64 rows] of scales and minima (see
// parts/levels.wgsl), then for each block one word a row whose bit j is column j's fifth bit and
// [4 words][64 rows]; byte j of a row's 16 holds column j in its low nibble and column j + 16 in its
// high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn unit(panel: u32, block: u32) -> u32 {
    return (panel * BLOCKS + block / 8u * 8u) * 352u;
}

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    let at = unit(panel, block) + row;
    let level = levels(weights[at + 64u], weights[at + 128u], weights[at + 192u], block);
    return unpack2x16float(weights[at]) * level * vec2<f32>(1.0, -1.0);
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let at = unit(panel, block) + 256u + block % 8u * 320u + row;
    let fifths = weights[at] >> (4u * i);
    let word = weights[at + 64u + i * 64u];
    return array<vec4<f32>, 2>(
        scale.x * five_bits(word, fifths) + scale.y,
        scale.x * five_bits(word >> 4u, fifths >> 16u) + scale.y,
    );
}
