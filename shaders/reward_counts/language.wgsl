// A part of reward_counts.wgsl: words by language, near to thinkling-reward's `language`.
//
// Letters tell their script, and Han goes with the kana of its run or sentence. Latin words go together,
// sentence by sentence, with the language that most of its words tell: those that are one token and that
// the table knows. A sentence that tells none goes with the one before, English at first. No words are
// single letters, letters without a vowel or beside a digit, and the names that the rule leaves out by
// what stands around them. Left out: formulas between signs, code, addresses, calls, a change of the
// language inside a sentence, and characters that only Chinese has.
const SENTENCE_END = 1u << 12u;
const OPERATOR = 1u << 13u;
const CAPITAL = 1u << 15u;
const NO_SCRIPT = 0u;
const LATIN = 1u;
const HAN_SCRIPT = 2u;
const KANA = 3u;
const HANGUL = 4u;
const CYRILLIC = 5u;
const ARABIC_SCRIPT = 6u;
const GREEK = 7u;
const OTHER_SCRIPT = 8u;
const NUMBER = 9u;
// Languages that letters tell, as the counts have them.
const CHINESE = 1u;
const ARABIC = 2u;
const JAPANESE = 7u;
const KOREAN = 8u;
const RUSSIAN = 11u;
const NO_LANGUAGE = 12u;

// The open run of letters: its script and its letters; of a Latin one also capitals, whether it has a
// vowel, is a name, ends with an apostrophe, and the places of its tokens.
var<private> script: u32;
var<private> letters: u32;
var<private> capitals: u32;
var<private> vowel: bool;
var<private> named: bool;
var<private> quote: bool;
var<private> short_name: bool;
var<private> behind_number: bool;
var<private> first_token: u32;
var<private> last_token: u32;
var<private> run_token: u32;
// A Latin word that waits for what stands behind it: whether there is one, the language that it tells
// (0: none), and whether it is short.
var<private> waiting: bool;
var<private> waiting_language: u32;
var<private> waiting_short: bool;
// Of the sentence: Latin words, and those that tell each language; the language of the one before.
var<private> latin_words: u32;
var<private> told: array<u32, 13>;
var<private> current: u32;
var<private> shouting: bool;
// The character before and its kind; the last one that is no space.
var<private> last: u32;
var<private> last_kind: u32;
var<private> seen_kind: u32;
// Of Han and kana: words of the run, of the sentence's runs without kana and with.
var<private> run_han: u32;
var<private> run_kana: u32;
var<private> alone: u32;
var<private> japanese: u32;

fn is_vowel(c: u32) -> bool {
    // a, e, i, o, u, y; letters with marks count as vowels.
    return c >= 128u || ((0x02208222u >> (c & 31u)) & 1u) == 1u;
}

fn begin_latin() {
    letters = 0u;
    capitals = 0u;
    vowel = false;
    quote = false;
    let digit = ((last_kind >> 8u) & 15u) == NUMBER;
    named = digit || last == 95u || last == 92u;
    short_name = (seen_kind & OPERATOR) != 0u;
    behind_number = ((seen_kind >> 8u) & 15u) == NUMBER;
    first_token = place;
    run_token = token;
}

fn latin_letter(c: u32, kind: u32) {
    if script != LATIN {
        begin_latin();
        script = LATIN;
    }
    quote = false;
    let capital = (kind & CAPITAL) != 0u;
    // A capital inside a small word.
    named = named || (capital && letters > capitals);
    letters += 1u;
    capitals += u32(capital);
    vowel = vowel || is_vowel(c);
    last_token = place;
}

// `c` is what ended it.
fn end_latin(c: u32, kind: u32) {
    let digit = ((kind >> 8u) & 15u) == NUMBER;
    if letters < 2u || !vowel || named || (!quote && (digit || c == 95u)) {
        return;
    }
    let entry = select(0u, table[table[2] + run_token], first_token == last_token);
    let language = (entry >> 27u) & 15u;
    let frequent = (entry >> 31u) == 1u;
    let shouts = capitals == letters;
    let shouted = shouting;
    shouting = shouts;
    let is_short = letters <= 3u;
    if language == 1u
        || (letters <= 4u && shouts && !(shouted && frequent))
        || (is_short && (short_name || (behind_number && !frequent))) {
        return;
    }
    waiting = true;
    waiting_language = language;
    waiting_short = is_short;
}

// What stands behind the word that waits is known.
fn settle(kind: u32) {
    if waiting && !(waiting_short && (kind & OPERATOR) != 0u) {
        latin_words += 1u;
        if waiting_language > 1u {
            told[waiting_language - 2u] += 1u;
        }
    }
    waiting = false;
}

fn end_run(c: u32, kind: u32) {
    var language = NO_LANGUAGE;
    switch script {
        case LATIN: {
            end_latin(c, kind);
            script = NO_SCRIPT;
            return;
        }
        case NO_SCRIPT: {
            return;
        }
        case HANGUL: {
            language = KOREAN;
        }
        case CYRILLIC: {
            language = RUSSIAN;
        }
        case ARABIC_SCRIPT: {
            language = ARABIC;
        }
        default: {}
    }
    // A single Greek letter is a name.
    if script != GREEK || letters > 1u {
        add(WORDS + language, 1u);
    }
    script = NO_SCRIPT;
}

fn end_han() {
    if run_kana == 0u {
        alone += run_han;
    } else {
        japanese += run_han + run_kana;
    }
    run_han = 0u;
    run_kana = 0u;
}

fn end_sentence() {
    end_han();
    let language = select(CHINESE, JAPANESE, japanese > alone / 2u);
    add(WORDS + language, alone);
    add(WORDS + JAPANESE, japanese);
    alone = 0u;
    japanese = 0u;
    var most = current;
    for (var i = 0u; i < 13u; i++) {
        if told[i] > told[most] {
            most = i;
        }
    }
    add(WORDS + most, latin_words);
    current = most;
    latin_words = 0u;
    told = array<u32, 13>();
}

fn language_character(c: u32, kind: u32) {
    let segment = kind & 15u;
    if segment == EXTEND {
        return;
    }
    let own = (kind >> 8u) & 15u;
    let apostrophe = c == 39u || c == 0x2019u;
    if script == LATIN && apostrophe && !quote {
        quote = true;
        return;
    }
    // Ukrainian and the like have letters of their own within words.
    let other = own == OTHER_SCRIPT && segment == LETTER;
    let same = script == own || (script == OTHER_SCRIPT && own >= HANGUL && own <= OTHER_SCRIPT)
        || (other && script >= HANGUL);
    if !same || segment == 0u {
        end_run(c, kind);
    }
    if c != 32u && script != LATIN {
        settle(kind);
    }
    if own == HAN_SCRIPT || own == KANA {
        run_han += u32(own == HAN_SCRIPT);
        let inside = segment == KATAKANA && (last_kind & 15u) == KATAKANA;
        run_kana += u32(own == KANA && !inside);
    } else {
        end_han();
        if own == LATIN {
            latin_letter(c, kind);
        } else if own >= HANGUL && own <= OTHER_SCRIPT {
            letters = select(letters + 1u, 1u, script == NO_SCRIPT);
            script = select(own, OTHER_SCRIPT, script == OTHER_SCRIPT);
        }
    }
    if (kind & SENTENCE_END) != 0u {
        end_sentence();
    }
    shouting = shouting && (own == LATIN || c == 32u);
    last = c;
    last_kind = kind;
    if c != 32u {
        seen_kind = kind;
    }
}
