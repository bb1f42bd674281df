// Matrix rows in ggml's Q4_K: units of 256 nibbles with two halves, d and e, and for each 32 columns a
// scale s and a minimum m of 6 bits, value = d s q - e m.
//
// A panel holds 64 rows. Layout: [panel][unit of 8 blocks of 32 columns] of 2304 words: one word a row
// with d in its lower and e in its upper half, [3 words][64 rows] of scales and minima (see
// parts/levels.wgsl), then for each block [4 words][64 rows]; byte j of a row's 16 holds column j in
// its low nibble and column j + 16 in its high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn unit(panel: u32, block: u32) -> u32 {
    return (panel * BLOCKS + block / 8u * 8u) * 288u;
}

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    let at = unit(panel, block) + row;
    let level = levels(weights[at + 64u], weights[at + 128u], weights[at + 192u], block);
    return unpack2x16float(weights[at]) * level * vec2<f32>(1.0, -1.0);
}

fn nibbles(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u));
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let word = weights[unit(panel, block) + 256u + block % 8u * 256u + i * 64u + row];
    return array<vec4<f32>, 2>(
        scale.x * nibbles(word) + scale.y,
        scale.x * nibbles(word >> 4u) + scale.y,
    );
}
