// Matrix rows in ggml's Q8_0: 32 signed bytes with a scale in half precision, value = d q.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 544 words: 32 words of scales (row r
// in word r mod 32, its lower half for r below 32), then [8 quads][64 rows] of four bytes, the first
// value in the lowest byte.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_values(panel: u32, block: u32, row: u32) -> array<vec4<f32>, 8> {
    let base = (panel * BLOCKS + block) * 544u;
    let d = unpack2x16float(weights[base + row % 32u])[row / 32u];
    let quads = base + 32u + row;
    var values: array<vec4<f32>, 8>;
    for (var i = 0u; i < 8u; i++) {
        let word = bitcast<i32>(weights[quads + i * 64u]);
        let bytes = vec4<i32>(word << 24u, word << 16u, word << 8u, word) >> vec4<u32>(24u);
        values[i] = d * vec4<f32>(bytes);
    }
    return values;
}
