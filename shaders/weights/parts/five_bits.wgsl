// Four numbers from the lowest nibbles of a word's bytes and the lowest bits of `fifths`.
fn five_bits(word: u32, fifths: u32) -> vec4<f32> {
    let low = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u);
    let high = (vec4<u32>(fifths) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u);
    return vec4<f32>(low | (high << vec4<u32>(4u)));
}
