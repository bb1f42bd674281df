// A part of reward_counts.wgsl: reflective words, as thinkling-reward's `reflection` counts them.
//
// Latin ones are whole words of ASCII letters in any case. Chinese ones are found inside the text, each
// character tried as a start once the two behind it are known.
const OF_WORDS = 1u << 7u;
const LISTED = 1u << 14u;

// Whether a Latin word may be open here, and its hash.
var<private> latin_open: bool;
var<private> latin_hash: vec2<u32>;
// The two characters that wait for the ones behind, and their classes.
var<private> window: vec4<u32>;
// Characters of a listed word still to pass, and whether the last one was Han and not listed.
var<private> passed: u32;
var<private> after_han: bool;

fn is_ascii_letter(c: u32) -> bool {
    return (c | 32u) >= 97u && (c | 32u) <= 122u;
}

fn latin_reflection() {
    let start = table[6];
    for (var i = 0u; i < table[start]; i++) {
        let at = start + 1u + 2u * i;
        if table[at] == latin_hash.x && table[at + 1u] == latin_hash.y {
            add(REFLECTIVE, 1u);
        }
    }
}

fn chinese_reflection(c: vec3<u32>, kind: u32) {
    if passed > 0u {
        passed -= 1u;
        return;
    }
    if (kind & LISTED) != 0u {
        let latin = table[6];
        let start = latin + 1u + 2u * table[latin];
        for (var i = 0u; i < table[start]; i++) {
            let at = start + 1u + 4u * i;
            let second = table[at + 1u];
            let third = table[at + 2u];
            if table[at] == c.x && (second == 0u || second == c.y) && (third == 0u || third == c.z) {
                let when = table[at + 3u];
                let counts = when == 1u || (when == 2u && !after_han);
                add(REFLECTIVE, u32(counts));
                passed = u32(second != 0u) + u32(third != 0u);
                after_han = !counts;
                return;
            }
        }
    }
    after_han = (kind & 15u) == HAN;
}

fn reflection_character(c: u32, kind: u32) {
    if any(window.xy != vec2<u32>(0u)) {
        chinese_reflection(vec3<u32>(window.x, window.z, c), window.y);
    }
    window = vec4<u32>(window.zw, c, kind);
    if is_ascii_letter(c) {
        latin_hash = hashed(latin_hash, c | 32u);
        return;
    }
    let of_words = (kind & OF_WORDS) != 0u;
    if latin_open && !of_words {
        latin_reflection();
    }
    latin_open = !of_words;
    latin_hash = HASH;
}
