// Matrix rows in ggml's Q4_1: 32 nibbles with scale and minimum in half precision, value = d q + m.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 320 words: one word a row with d in
// its lower and m in its upper half, then [4 words][64 rows]; byte j of a row's 16 holds column j in
// its low nibble and column j + 16 in its high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn nibbles(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u));
}

fn block_values(panel: u32, block: u32, row: u32) -> array<vec4<f32>, 8> {
    let base = (panel * BLOCKS + block) * 320u;
    let scale = unpack2x16float(weights[base + row]);
    let words = base + 64u + row;
    var values: array<vec4<f32>, 8>;
    for (var i = 0u; i < 4u; i++) {
        let word = weights[words + i * 64u];
        values[i] = scale.x * nibbles(word) + scale.y;
        values[i + 4u] = scale.x * nibbles(word >> 4u) + scale.y;
    }
    return values;
}
