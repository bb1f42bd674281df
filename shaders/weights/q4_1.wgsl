// Matrix rows in ggml's Q4_1: 32 nibbles with scale and minimum in half precision, value = d q + m.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 320 words: one word a row with d in
// its lower and m in its upper half, then [4 words][64 rows]; byte j of a row's 16 holds column j in
// its low nibble and column j + 16 in its high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    return unpack2x16float(weights[(panel * BLOCKS + block) * 320u + row]);
}

fn nibbles(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u));
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let word = weights[(panel * BLOCKS + block) * 320u + 64u + i * 64u + row];
    return array<vec4<f32>, 2>(
        scale.x * nibbles(word) + scale.y,
        scale.x * nibbles(word >> 4u) + scale.y,
    );
}
