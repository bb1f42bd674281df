// A part of reward_counts.wgsl: the four tags over characters, as thinkling-reward's `tags` and
// `format` read them. A tag may be cut by tokens anywhere: its start is held back until it is one.
const WHITE = 1u << 5u;
const OUTSIDE = 0u;
const THINK = 1u;
const ANSWER = 2u;
// Faults, see `RewardCounts`.
const TEXT_BEFORE = 1u;
const EMPTY_THINK = 4u;
const EMPTY_ANSWER = 5u;
const MISPLACED = 6u;
const MISSING = 10u;
// The first two tags in the order of the template.
const THINK_OPEN = 0u;
const THINK_CLOSE = 1u;

// The start of a tag that is held back: characters, whether there is a slash, `think` 1 or `answer` 2.
var<private> held: u32;
var<private> slash: u32;
var<private> name: u32;
// The strict format: tags seen in order, whether the open block holds something.
var<private> ordered: u32;
var<private> filled: bool;
// Thinking alone: before, inside or behind it.
var<private> stage: u32;
var<private> stage_filled: bool;
// The region of the chain of thought, which takes no notice of the prompt.
var<private> chain: u32;

fn region_after(region: u32, tag: u32) -> u32 {
    if region == THINK {
        return select(THINK, OUTSIDE, tag == THINK_CLOSE);
    }
    if tag == THINK_OPEN {
        return THINK;
    }
    if region == OUTSIDE && tag == 2u {
        return ANSWER;
    }
    return select(region, OUTSIDE, tag == 3u);
}

fn text(kind: u32) {
    let white = (kind & WHITE) != 0u;
    let blank = (kind & BLANK) != 0u;
    if (ordered & 1u) == 1u {
        filled = filled || !blank;
    } else if tally[STRICT] == 0u && !white {
        tally[STRICT] = TEXT_BEFORE + ordered / 2u;
    }
    if stage > 0u {
        stage_filled = stage_filled || !blank;
    } else if tally[THINK_ONLY] == 0u && !white {
        tally[THINK_ONLY] = TEXT_BEFORE;
    }
}

fn strict_tag(tag: u32) {
    if tally[STRICT] != 0u {
        return;
    }
    if tag != ordered {
        tally[STRICT] = MISPLACED + tag;
        return;
    }
    if (tag & 1u) == 1u && !filled {
        tally[STRICT] = EMPTY_THINK + tag / 2u;
    }
    ordered += 1u;
    filled = false;
}

fn think_only_tag(tag: u32) {
    if tally[THINK_ONLY] != 0u {
        return;
    }
    if stage == 0u && tag == THINK_OPEN {
        stage = 1u;
    } else if stage == 1u && tag == THINK_CLOSE {
        stage = 2u;
        tally[THINK_ONLY] = select(EMPTY_THINK, 0u, stage_filled);
        stage_filled = false;
    } else if stage == 0u || tag < 2u {
        tally[THINK_ONLY] = MISPLACED + tag;
    }
}

fn mark(tag: u32) {
    strict_tag(tag);
    think_only_tag(tag);
    add(TAGS + tag, 1u);
    tally[REGION] = region_after(tally[REGION], tag);
}

// Character `i` of `think` or `answer`, then the closing sign.
fn tag_letter(i: u32) -> u32 {
    let words = select(vec2<u32>(0x6E696874u, 0x3E6Bu), vec2<u32>(0x77736E61u, 0x3E7265u), name == 2u);
    return (select(words.x, words.y, i >= 4u) >> (8u * (i & 3u))) & 255u;
}

// Goes on with a tag that is held back; gives whether `c` belongs to it. A whole one is held no more.
fn extend_tag(c: u32) -> bool {
    if held == 0u {
        return false;
    }
    if held == 1u && c == 47u {
        slash = 1u;
        held = 2u;
        return true;
    }
    let letter = held - 1u - slash;
    if letter == 0u {
        name = select(2u, 1u, c == 116u);
    }
    if c != tag_letter(letter) {
        return false;
    }
    held += 1u;
    if c == 62u {
        held = 0u;
        mark(2u * (name - 1u) + slash);
        chain = region_after(chain, 2u * (name - 1u) + slash);
    }
    return true;
}

fn held_character(i: u32) -> u32 {
    if i <= slash {
        return select(47u, 60u, i == 0u);
    }
    return tag_letter(i - 1u - slash);
}

// What was held back is text if `c` does not go on with it; then comes `c`, or a line break for a tag.
fn format_character(c: u32) {
    var released = 0u;
    var is_text = !ends;
    var is_break = ends;
    if !ends && extend_tag(c) {
        is_text = false;
        is_break = held == 0u;
    } else {
        released = held;
        held = 0u;
    }
    let opens = is_text && c == 60u;
    is_text = is_text && !opens;
    for (var i = 0u; i < released + u32(is_text || is_break); i++) {
        var next = c;
        if i < released {
            next = held_character(i);
        } else if is_break {
            next = LINE_BREAK;
        }
        let next_kind = class_of(next);
        let breaks = is_break && i == released;
        if !breaks {
            text(next_kind);
        }
        if breaks || chain != ANSWER {
            language_character(next, next_kind);
        }
    }
    if opens {
        held = 1u;
        slash = 0u;
    }
}
