// Matrix rows in ggml's Q6_K: units of 256 numbers of 6 bits with a half d and for each 16 columns a
// signed byte s, value = d s (q - 32). Q3_K is kept so too.
//
// A panel holds 64 rows. Layout: [panel][unit of 8 blocks of 32 columns] of 3360 words: 32 words of
// halves (row r in word r mod 32, its lower half for r below 32), [4 words][64 rows] of the 16 scales,
// then for each block [2 words][64 rows] of upper bits and [4 words][64 rows] of lower ones. Of the
// lower ones byte j of a row's 16 holds column j in its low nibble and column j + 16 in its high one.
// Upper bits, two a column, of the quad i of columns stand in byte 2 (i mod 2) of word i / 2, for i
// below 4, those of the quad i + 4 in the byte behind it.
@group(0) @binding(0) var<storage, read> weights: array<u32>;

fn unit(panel: u32, block: u32) -> u32 {
    return (panel * BLOCKS + block / 8u * 8u) * 420u;
}

// Scales of the first and of the second 16 columns.
fn block_scale(panel: u32, block: u32, row: u32) -> vec2<f32> {
    let at = unit(panel, block);
    let d = unpack2x16float(weights[at + row % 32u])[row / 32u];
    let word = weights[at + 32u + block % 8u / 2u * 64u + row] >> (block % 2u * 16u);
    let bytes = bitcast<vec2<i32>>(vec2<u32>(word << 24u, word << 16u)) >> vec2<u32>(24u);
    return d * vec2<f32>(bytes);
}

// Four numbers from the nibbles of a word's bytes and the lowest pairs of bits of `upper`.
fn six_bits(word: u32, upper: u32) -> vec4<f32> {
    let low = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u);
    let high = (vec4<u32>(upper) >> vec4<u32>(0u, 2u, 4u, 6u)) & vec4<u32>(3u);
    return vec4<f32>(low | (high << vec4<u32>(4u))) - 32.0;
}

// Quads i and i + 4 of a block's eight, for i below 4.
fn block_pair(scale: vec2<f32>, panel: u32, block: u32, row: u32, i: u32) -> array<vec4<f32>, 2> {
    let at = unit(panel, block) + 288u + block % 8u * 384u + row;
    let upper = weights[at + i / 2u * 64u] >> (i % 2u * 16u);
    let word = weights[at + 128u + i * 64u];
    return array<vec4<f32>, 2>(
        scale.x * six_bits(word, upper),
        scale.y * six_bits(word >> 4u, upper >> 8u),
    );
}
