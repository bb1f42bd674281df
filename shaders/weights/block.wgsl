// 32 columns of a row as eight quads, whatever the format.
fn block_values(panel: u32, block: u32, row: u32) -> array<vec4<f32>, 8> {
    let scale = block_scale(panel, block, row);
    var values: array<vec4<f32>, 8>;
    for (var i = 0u; i < 4u; i++) {
        let pair = block_pair(scale, panel, block, row, i);
        values[i] = pair[0];
        values[i + 4u] = pair[1];
    }
    return values;
}
