// Reads completions as ids and counts what the rules of rewards ask: tags, words by language, repeated
// n-grams, reflective words.
//
// ids -> bytes (table) -> characters (UTF-8; a broken one is U+FFFD) -> class of each (table), then
//   format      the automaton of thinkling-reward's `tags` over the characters, tags cut by tokens too
//   repetition  units: words (UAX #29, at most 64 bytes) and visible characters alone, each as two
//               hashes; an n-gram of units is repeated where an equal one starts before it
//   language    outside the answer: letters by script; of Latin words most decide by the sentence
//   reflection  listed words, Latin ones whole, Chinese ones anywhere
// The parts in reward_counts/ follow. Layouts: of the table in crates/thinkling-text/src/reward_table.rs,
// of the counts in crates/thinkling-engine/src/reward_counts.rs.
// Bindings:  0 ids     [rows, stride]
//            1 lengths [rows]
//            2 table   words
//            3 units   [rows, room] x, y: hashes, z: hash of the n-gram that starts here, w: repeated
//            4 counts  [rows, 26]
//            5 params  x: stride, y: n, z: room, w: 1 where the prompt opened the thinking
// Grid:      [rows, 1, 1]; a workgroup has a row: one thread reads it, all look for n-grams.
@group(0) @binding(0) var<storage, read> ids: array<u32>; // [rows, stride]
@group(0) @binding(1) var<storage, read> lengths: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> table: array<u32>;
@group(0) @binding(3) var<storage, read_write> units: array<vec4<u32>>; // [rows, room]
@group(0) @binding(4) var<storage, read_write> counts: array<u32>; // [rows, COUNTS]
@group(0) @binding(5) var<uniform> params: vec4<u32>;

const THREADS = 64u;
// Places of units that only the characters of an open word take.
const MARGIN = 128u;
const COUNTS = 26u;
// Places of the counts.
const STRICT = 0u;
const THINK_ONLY = 1u;
const REGION = 2u;
const TAGS = 3u;
const UNITS = 7u;
const REPEATED = 8u;
const NGRAMS = 9u;
const REPEATED_NGRAMS = 10u;
const DROPPED = 11u;
const REFLECTIVE = 12u;
const WORDS = 13u;

const LINE_BREAK = 10u;
const BROKEN = 0xFFFDu;
// No character.
const NONE = 0xFFFFFFFFu;
const HASH = vec2<u32>(0x811C9DC5u, 0u);

// A row's counts until they are written.
var<private> tally: array<u32, 26>;
// Where the row's units begin.
var<private> base: u32;
// The token that is read, and its place in the row.
var<private> token: u32;
var<private> place: u32;

fn add(count: u32, more: u32) {
    tally[count] += more;
}

fn hashed(hash: vec2<u32>, c: u32) -> vec2<u32> {
    let turned = (hash.y << 5u) | (hash.y >> 27u);
    return vec2<u32>((hash.x ^ c) * 0x01000193u, (turned ^ c) * 0x9E3779B1u);
}

fn class_of(c: u32) -> u32 {
    let page = table[table[4] + (c >> 8u)];
    let pair = table[table[5] + page * 128u + ((c & 255u) >> 1u)];
    return (pair >> (16u * (c & 1u))) & 0xFFFFu;
}

// Bytes of a character still to come, its bits so far, and the range of the next byte.
var<private> missing_bytes: u32;
var<private> code: u32;
var<private> low: u32;
var<private> high: u32;
// Whether the text is at its end.
var<private> ends: bool;
// How often the decoder takes its character off the front yet.
var<private> to_strip: u32;

fn character(c: u32) {
    if !ends && to_strip > 0u && c == (table[7] & 0x1FFFFFu) {
        to_strip -= 1u;
        return;
    }
    to_strip = 0u;
    let kind = class_of(c);
    unit_character(c, kind);
    reflection_character(c, kind);
    format_character(c);
}

// The characters that a byte ends: a broken one before it, and a whole one.
fn byte(b: u32) -> vec2<u32> {
    var broken = NONE;
    if missing_bytes > 0u {
        if b >= low && b <= high {
            code = (code << 6u) | (b & 63u);
            low = 0x80u;
            high = 0xBFu;
            missing_bytes -= 1u;
            return vec2<u32>(NONE, select(NONE, code, missing_bytes == 0u));
        }
        missing_bytes = 0u;
        broken = BROKEN;
    }
    low = select(select(0x80u, 0x90u, b == 0xF0u), 0xA0u, b == 0xE0u);
    high = select(select(0xBFu, 0x8Fu, b == 0xF4u), 0x9Fu, b == 0xEDu);
    if b < 0x80u {
        return vec2<u32>(broken, b);
    }
    if b < 0xC2u || b > 0xF4u {
        return vec2<u32>(broken, BROKEN);
    }
    missing_bytes = 1u + u32(b >= 0xE0u) + u32(b >= 0xF0u);
    code = b & (63u >> missing_bytes);
    return vec2<u32>(broken, NONE);
}

// A compiler for GPUs copies a function to each place that calls it, so what reads a character is called
// at one place, for the end of the text too.
fn read_row(row: u32) {
    open = CLOSED;
    open_hash = HASH;
    latin_open = true;
    latin_hash = HASH;
    to_strip = table[7] >> 21u;
    if params.w == 1u {
        mark(THINK_OPEN);
    }
    let tokens = min(lengths[row], params.x);
    for (var at = 0u; at <= tokens; at++) {
        // At the end: a broken character, then line breaks, which end the last word; two characters
        // free those that wait for what stands behind them.
        var i = 0u;
        var to = 3u;
        if at < tokens {
            let id = ids[row * params.x + at];
            if id >= table[1] {
                continue;
            }
            token = id;
            place = at;
            i = table[table[2] + id] & 0x7FFFFFFu;
            to = table[table[2] + id + 1u] & 0x7FFFFFFu;
        }
        for (; i < to; i++) {
            var found = vec2<u32>(NONE);
            if at < tokens {
                found = byte((table[table[3] + i / 4u] >> (8u * (i & 3u))) & 255u);
            } else if i > 0u {
                ends = true;
                found.y = LINE_BREAK;
            } else if missing_bytes > 0u {
                found.y = BROKEN;
            }
            for (var k = 0u; k < 2u; k++) {
                if found[k] != NONE {
                    character(found[k]);
                }
            }
        }
    }
    if tally[STRICT] == 0u && ordered < 4u {
        tally[STRICT] = MISSING + ordered;
    }
    if tally[THINK_ONLY] == 0u && stage < 2u {
        tally[THINK_ONLY] = MISSING + stage;
    } else if tally[THINK_ONLY] == 0u && !stage_filled {
        tally[THINK_ONLY] = EMPTY_ANSWER;
    }
    tally[UNITS] = min(closed, params.z - MARGIN);
    tally[DROPPED] = closed - tally[UNITS];
}

var<workgroup> unit_count: u32;
var<workgroup> repeated: atomic<u32>;
var<workgroup> repeated_ngrams: atomic<u32>;

fn is_equal(a: u32, b: u32, n: u32) -> bool {
    if units[base + a].z != units[base + b].z {
        return false;
    }
    for (var i = 0u; i < n; i++) {
        if any(units[base + a + i].xy != units[base + b + i].xy) {
            return false;
        }
    }
    return true;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    base = group.x * params.z;
    if thread == 0u {
        read_row(group.x);
        unit_count = tally[UNITS];
    }
    storageBarrier();
    workgroupBarrier();
    let n = max(params.y, 1u);
    let ngrams = select(0u, unit_count - n + 1u, unit_count >= n);
    for (var start = thread; start < ngrams; start += THREADS) {
        var hash = HASH;
        for (var i = 0u; i < n; i++) {
            hash = hashed(hash, units[base + start + i].x);
        }
        units[base + start].z = hash.x;
    }
    storageBarrier();
    for (var start = thread; start < ngrams; start += THREADS) {
        for (var first = 0u; first < start; first++) {
            if is_equal(first, start, n) {
                units[base + start].w = 1u;
                atomicAdd(&repeated_ngrams, 1u);
                break;
            }
        }
    }
    storageBarrier();
    for (var unit = thread; unit < unit_count; unit += THREADS) {
        for (var start = unit - min(unit, n - 1u); start < min(unit + 1u, ngrams); start++) {
            if units[base + start].w == 1u {
                atomicAdd(&repeated, 1u);
                break;
            }
        }
    }
    workgroupBarrier();
    if thread == 0u {
        tally[NGRAMS] = ngrams;
        tally[REPEATED] = atomicLoad(&repeated);
        tally[REPEATED_NGRAMS] = atomicLoad(&repeated_ngrams);
        for (var i = 0u; i < COUNTS; i++) {
            counts[group.x * COUNTS + i] = tally[i];
        }
    }
}
