// Matrix rows in ggml's Q4_0: 32 nibbles with a scale in half precision, value = d (q - 8).
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 288 words: 32 words of scales (row r
// in word r mod 32, its lower half for r below 32), then [4 words][64 rows]; byte j of a row's 16
// holds column j in its low nibble and column j + 16 in its high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn nibbles(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u));
}

fn block_values(panel: u32, block: u32, row: u32) -> array<vec4<f32>, 8> {
    let base = (panel * BLOCKS + block) * 288u;
    let d = unpack2x16float(weights[base + row % 32u])[row / 32u];
    let words = base + 32u + row;
    var values: array<vec4<f32>, 8>;
    for (var i = 0u; i < 4u; i++) {
        let word = weights[words + i * 64u];
        values[i] = d * (nibbles(word) - 8.0);
        values[i + 4u] = d * (nibbles(word >> 4u) - 8.0);
    }
    return values;
}
