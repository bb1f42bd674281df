// Matrix rows in bfloat16.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns][16 pairs of columns][64 rows], a word a
// pair, its first value in the lower half.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_values(panel: u32, block: u32, row: u32) -> array<vec4<f32>, 8> {
    let base = (panel * BLOCKS + block) * 1024u + row;
    var values: array<vec4<f32>, 8>;
    for (var i = 0u; i < 8u; i++) {
        let first = weights[base + i * 128u];
        let second = weights[base + i * 128u + 64u];
        values[i] = bitcast<vec4<f32>>(vec4<u32>(
            first << 16u,
            first & 0xffff0000u,
            second << 16u,
            second & 0xffff0000u,
        ));
    }
    return values;
}
