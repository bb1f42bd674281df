// Scale and minimum of a block of Q4_K or Q5_K, 6 bits each, from the three words of a unit's. Byte i of
// the first has the scale of block i in its lower 6 bits, byte i of the second the minimum; of block
// i + 4 byte i of the third has the lower 4 bits of the scale (low) and of the minimum (high), the upper
// 2 stand above those of block i.
fn levels(scales: u32, minima: u32, later: u32, block: u32) -> vec2<f32> {
    let shift = block % 4u * 8u;
    let first = vec2<u32>(scales, minima) >> vec2<u32>(shift);
    let lower = (vec2<u32>(later) >> vec2<u32>(shift, shift + 4u)) & vec2<u32>(15u);
    let upper = ((first >> vec2<u32>(6u)) & vec2<u32>(3u)) << vec2<u32>(4u);
    return vec2<f32>(select(first & vec2<u32>(63u), lower | upper, block % 8u >= 4u));
}
