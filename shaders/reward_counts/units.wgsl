// A part of reward_counts.wgsl: characters to the units that n-grams are made of.
//
// A unit is a word, or a visible character that is in none. Words are the cuts of UAX #29 that hold a
// letter or digit; one above 64 bytes counts by its characters. So characters are written as units
// first, and a word takes the place of its own when it ends.
const OTHER = 0u;
const LETTER = 1u;
const NUMERIC = 2u;
const KATAKANA = 3u;
const JOINER = 4u;
const EXTEND = 5u;
const MID_LETTER = 6u;
const MID_NUMBER = 7u;
const MID_BOTH = 8u;
const HAN = 9u;
// No segment is open.
const CLOSED = 15u;
const WORD = 1u << 4u;
const BLANK = 1u << 6u;
const LONGEST_WORD = 64u;

// The open segment: the segment of its last character (Extend apart), whether it holds a word, its
// bytes and hash, its visible characters; then those behind it that join only if the next one does.
var<private> open: u32;
var<private> open_word: bool;
var<private> open_bytes: u32;
var<private> open_hash: vec2<u32>;
var<private> open_seen: u32;
var<private> pending: bool;
var<private> pending_bytes: u32;
var<private> pending_hash: vec2<u32>;
var<private> pending_seen: u32;
var<private> closed: u32;

fn set_unit(at: u32, hash: vec2<u32>) {
    if at < params.z {
        units[base + at] = vec4<u32>(hash, 0u, 0u);
    }
}

// A word takes the place of its characters; what waited behind it moves up.
fn close_segment() {
    if open_word && open_bytes <= LONGEST_WORD {
        set_unit(closed, open_hash);
        for (var i = 0u; i < pending_seen; i++) {
            let source = closed + open_seen + i;
            if source < params.z {
                set_unit(closed + 1u + i, units[base + source].xy);
            }
        }
        closed += 1u + pending_seen;
    } else {
        closed += open_seen + pending_seen;
    }
    open = CLOSED;
    open_word = false;
    open_bytes = 0u;
    open_hash = HASH;
    open_seen = 0u;
    pending = false;
    pending_seen = 0u;
}

fn joins(segment: u32) -> bool {
    switch segment {
        case LETTER, NUMERIC: {
            return open == LETTER || open == NUMERIC || open == JOINER;
        }
        case KATAKANA: {
            return open == KATAKANA || open == JOINER;
        }
        case JOINER: {
            return open == LETTER || open == NUMERIC || open == KATAKANA || open == JOINER;
        }
        default: {
            return false;
        }
    }
}

fn unit_character(c: u32, kind: u32) {
    let segment = kind & 15u;
    let between = (open == LETTER && (segment == MID_LETTER || segment == MID_BOTH))
        || (open == NUMERIC && (segment == MID_NUMBER || segment == MID_BOTH));
    var waits = false;
    var closes = ends;
    if segment == EXTEND && open != CLOSED && open != HAN {
        waits = pending;
    } else if pending {
        closes = closes || segment != open;
    } else if between {
        waits = true;
        pending_hash = open_hash;
        pending_bytes = open_bytes;
    } else {
        closes = closes || !joins(segment);
    }
    if closes {
        close_segment();
    }
    if ends {
        return;
    }
    let visible = (kind & BLANK) == 0u;
    if visible {
        set_unit(closed + open_seen + pending_seen, hashed(HASH, c));
    }
    let bytes = select(select(select(4u, 3u, c < 0x10000u), 2u, c < 0x800u), 1u, c < 0x80u);
    if waits {
        pending = true;
        pending_hash = hashed(pending_hash, c);
        pending_bytes += bytes;
        pending_seen += u32(visible);
        return;
    }
    if pending {
        open_hash = pending_hash;
        open_bytes = pending_bytes;
        open_seen += pending_seen;
        pending = false;
        pending_seen = 0u;
    }
    open_hash = hashed(open_hash, c);
    open_bytes += bytes;
    open_seen += u32(visible);
    open_word = open_word || (kind & WORD) != 0u;
    if segment != EXTEND {
        open = segment;
    } else if open == CLOSED {
        // A mark with nothing before it to go with.
        open = OTHER;
    }
    // The rule cuts there, whatever stands around: as behind Han, nothing joins.
    if c < 0x80u && (kind & WHITE) != 0u {
        open = HAN;
    }
}
