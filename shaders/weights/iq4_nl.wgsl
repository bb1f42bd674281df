// Matrix rows in ggml's IQ4_NL: 32 nibbles that number values of a table, with a scale in half
// precision, value = d TABLE[q].
//
// A panel holds 64 rows. Layout: [panel][block of 32 columns] of 288 words: 32 words of scales (row r
// in word r mod 32, its lower half for r below 32), then [4 words][64 rows]; byte j of a row's 16
// holds column j in its low nibble and column j + 16 in its high one.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    let d = unpack2x16float(weights[(panel * BLOCKS + block) * 288u + row % 32u])[row / 32u];
    return vec2<f32>(d, 0.0);
}

// Values of the lowest nibbles of a word's bytes. The table, four signed bytes a word: -127 -104 -83
// -65, -49 -35 -22 -10, 1 13 25 38, 53 69 89 113.
fn table(word: u32) -> vec4<f32> {
    let q = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u);
    let second = (q & vec4<u32>(4u)) != vec4<u32>(0u);
    let lower = select(vec4<u32>(0xbfad9881u), vec4<u32>(0xf6eaddcfu), second);
    let upper = select(vec4<u32>(0x26190d01u), vec4<u32>(0x71594535u), second);
    let four = select(lower, upper, q >= vec4<u32>(8u));
    let byte = four << (vec4<u32>(24u) - 8u * (q & vec4<u32>(3u)));
    return vec4<f32>(bitcast<vec4<i32>>(byte) >> vec4<u32>(24u));
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let word = weights[(panel * BLOCKS + block) * 288u + 32u + i * 64u + row];
    return array<vec4<f32>, 2>(scale.x * table(word), scale.x * table(word >> 4u));
}
