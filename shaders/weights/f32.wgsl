// Matrix rows in f32.
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns][32 columns][64 rows], so that
// neighbouring rows are read from neighbouring addresses.
@group(0) @binding(0) var<storage, read> weights: array<f32>;

fn block_values(panel: u32, block: u32, row: u32) -> array<vec4<f32>, 8> {
    let base = (panel * BLOCKS + block) * 2048u + row;
    var values: array<vec4<f32>, 8>;
    for (var i = 0u; i < 8u; i++) {
        let at = base + i * 256u;
        values[i] =
            vec4<f32>(weights[at], weights[at + 64u], weights[at + 128u], weights[at + 192u]);
    }
    return values;
}
