//! How likely a word in Latin letters is in each language.
//!
//! `P(word | language)` is a mixture: the word is one of the language's frequent words (Zipf's law
//! over the order of [`lexicon`]), or any other word, by a chain of letter pairs counted on the
//! same list. Both parts are log-probabilities in nats, kept as integers; only differences between
//! languages matter, and one word may not tell more than a fixed amount, so that a name or a
//! misspelt word decides nothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::lexicon;

/// Languages and groups of languages that are told apart, see [`LISTS`]; the last lane stands for
/// everything else.
pub(super) const LANES: usize = 16;
/// The lane of no known language.
pub(super) const UNKNOWN: usize = LANES - 1;

/// Log-probabilities by lane, in [`NAT`]ths of a nat, the best lane at 0.
pub(super) type Scores = [i16; LANES];

/// One nat.
pub(super) const NAT: i16 = 64;

/// The lists by lane; English first.
const LISTS: [&str; LANES - 1] = [
    lexicon::ENGLISH,
    lexicon::FRENCH,
    lexicon::GERMAN,
    lexicon::SPANISH,
    lexicon::ITALIAN,
    lexicon::PORTUGUESE,
    lexicon::DUTCH,
    lexicon::SCANDINAVIAN,
    lexicon::SLAVIC,
    lexicon::ROMANIAN,
    lexicon::HUNGARIAN,
    lexicon::FINNISH,
    lexicon::TURKISH,
    lexicon::INDONESIAN,
    lexicon::VIETNAMESE,
];

/// How much of running text the lists cover.
const COVERAGE: f64 = 0.6;
/// The most that a frequent word tells between two languages, in nats.
const LISTED_LIMIT: f64 = 6.0;
/// The most that any other word tells, in nats.
const OTHER_LIMIT: f64 = 3.0;
/// Pseudo-counts that tie a pair of letters to its second letter.
const PAIR_PRIOR: f64 = 9.0;
/// What the lane of everything else loses a word, in nats: known languages go first.
const UNKNOWN_COST: f64 = 1.5;

/// Symbols: the edge of a word, 26 letters, the apostrophe, letters with marks.
const SYMBOLS: usize = 64;
/// Longer words are judged by their start.
pub(super) const LONGEST: usize = 24;

/// A word as symbols.
pub(super) struct Folded {
    symbols: [u8; LONGEST],
    len: usize,
    hash: u64,
}

impl Folded {
    /// Folds case, composes marks and maps letters to symbols.
    pub(super) fn new(word: &str) -> Self {
        let mut folded = Self { symbols: [0; LONGEST], len: 0, hash: 0xCBF2_9CE4_8422_2325 };
        if word.is_ascii() {
            for (to, &byte) in folded.symbols.iter_mut().zip(word.as_bytes()) {
                *to = PLAIN[usize::from(byte & 127)];
            }
            folded.len = word.len().min(LONGEST);
        } else {
            folded.marked_letters(word);
        }
        for &symbol in &folded.symbols[..folded.len] {
            folded.hash = (folded.hash ^ u64::from(symbol)).wrapping_mul(0x0100_0000_01B3);
        }
        folded
    }

    fn marked_letters(&mut self, word: &str) {
        for c in word.chars() {
            if self.len == LONGEST {
                break;
            }
            if ('\u{300}'..='\u{36F}').contains(&c) {
                self.mark(c);
            } else {
                self.symbols[self.len] = symbol(c);
                self.len += 1;
            }
        }
    }

    /// Tells words apart, well enough to know one again among a few.
    pub(super) fn short_hash(&self) -> u32 {
        (self.hash >> 32) as u32
    }

    pub(super) fn has_apostrophe(&self) -> bool {
        self.symbols[..self.len].contains(&APOSTROPHE)
    }

    /// A combining mark changes the letter before it.
    fn mark(&mut self, mark: char) {
        let Some(last) = self.len.checked_sub(1) else {
            return;
        };
        let base = self.symbols[last];
        if (1..=26).contains(&base) {
            self.symbols[last] = composed(char::from(b'a' + base - 1), mark);
        }
    }
}

/// The apostrophe.
const APOSTROPHE: u8 = 27;
/// Whatever has no symbol of its own.
const STRANGE: u8 = 63;

/// The symbols of ASCII.
const PLAIN: [u8; 128] = {
    let (mut table, mut i) = ([STRANGE; 128], 0);
    while i < 26 {
        table[b'a' as usize + i] = i as u8 + 1;
        table[b'A' as usize + i] = i as u8 + 1;
        i += 1;
    }
    table[b'\'' as usize] = APOSTROPHE;
    table
};

pub(super) fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | 'ʼ')
}

/// The symbol of a letter, or of what stands for the apostrophe.
fn symbol(c: char) -> u8 {
    match c {
        '\0'..='\x7F' => PLAIN[c as usize],
        c if is_apostrophe(c) => APOSTROPHE,
        '\u{FF21}'..='\u{FF3A}' => (u32::from(c) - 0xFF21) as u8 + 1,
        '\u{FF41}'..='\u{FF5A}' => (u32::from(c) - 0xFF41) as u8 + 1,
        _ => marked(c.to_lowercase().next().unwrap_or(c)),
    }
}

/// The letters with marks that have a symbol of their own.
const MARKED: [char; 30] = [
    'à', 'á', 'â', 'ã', 'ä', 'å', 'æ', 'ç', 'è', 'é', 'ê', 'ë', 'ì', 'í', 'î', 'ï', 'ñ', 'ò', 'ó',
    'ô', 'õ', 'ö', 'ø', 'œ', 'ù', 'ú', 'û', 'ü', 'ß', 'ă',
];

/// A lower-case letter with marks; rarer ones by the languages that use them.
fn marked(c: char) -> u8 {
    if let Some(at) = MARKED.iter().position(|&known| known == c) {
        return 28 + at as u8;
    }
    match c {
        'ș' | 'ț' | 'ţ' => 58,
        'ğ' | 'ı' | 'ş' | 'ə' => 59,
        'ő' | 'ű' => 60,
        'đ' | 'ơ' | 'ư' | '\u{1EA0}'..='\u{1EF9}' | 'ĩ' | 'ũ' => 61,
        'ą' | 'ę' | 'ł' | 'ś' | 'ź' | 'ż' | 'ć' | 'ń' | 'č' | 'š' | 'ž' | 'ř' | 'ě' | 'ů' | 'ý'
        | 'ď' | 'ť' | 'ň' => 62,
        _ => STRANGE,
    }
}

/// The symbol of a plain letter under a combining mark.
fn composed(base: char, mark: char) -> u8 {
    let row = match mark {
        '\u{300}' => "aàeèiìoòuù",
        '\u{301}' => "aáeéiíoóuú",
        '\u{302}' => "aâeêiîoôuû",
        '\u{303}' => "aãnñoõ",
        '\u{308}' => "aäeëiïoöuü",
        '\u{30A}' => "aå",
        '\u{327}' => "cç",
        '\u{306}' => "aă",
        _ => "",
    };
    let mut letters = row.chars();
    while let (Some(plain), Some(with_mark)) = (letters.next(), letters.next()) {
        if plain == base {
            return marked(with_mark);
        }
    }
    STRANGE
}

/// Words are hashed already.
#[derive(Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The tables, made once from the lists.
pub(super) struct Model {
    words: HashMap<u64, Scores, BuildHasherDefault<Ready>>,
    /// By first and second symbol.
    pairs: Vec<Scores>,
}

/// The model of [`LISTS`].
pub(super) static MODEL: LazyLock<Model> = LazyLock::new(Model::new);

impl Model {
    fn new() -> Self {
        let pairs = letter_pairs();
        let mut listed: HashMap<u64, (Folded, [Option<f64>; LANES])> = HashMap::new();
        for (lane, list) in LISTS.iter().enumerate() {
            let size = list.split_whitespace().count();
            let mass: f64 = (0..size).map(weight).sum();
            for (rank, word) in list.split_whitespace().enumerate() {
                let folded = Folded::new(word);
                let entry = listed.entry(folded.hash).or_insert((folded, [None; LANES]));
                let probability = COVERAGE * weight(rank) / mass;
                // The first place in a list counts.
                entry.1[lane].get_or_insert(probability.ln());
            }
        }
        let mut model = Self { words: HashMap::default(), pairs };
        for (hash, (folded, known)) in listed {
            let chain = model.chain(&folded);
            let scores = std::array::from_fn(|lane| {
                known[lane].unwrap_or_else(|| f64::from(chain[lane]) / f64::from(NAT))
            });
            model.words.insert(hash, limited(scores, LISTED_LIMIT));
        }
        model
    }

    /// The scores of a word: as listed, or by its letters.
    pub(super) fn scores(&self, word: &Folded) -> Scores {
        if let Some(scores) = self.words.get(&word.hash) {
            return *scores;
        }
        let chain = self.chain(word);
        let best = chain.iter().copied().max().unwrap_or(0);
        let limit = (OTHER_LIMIT * f64::from(NAT)) as i16;
        chain.map(|score| (score - best).max(-limit))
    }

    /// Whether the word is in a list.
    pub(super) fn lists(&self, word: &Folded) -> bool {
        self.words.contains_key(&word.hash)
    }

    /// The log-probability by letter pairs, edges included, of a word that is not listed.
    fn chain(&self, word: &Folded) -> Scores {
        let mut sum = [0_i16; LANES];
        let mut last = 0;
        for &symbol in word.symbols[..word.len].iter().chain(&[0]) {
            let pair = &self.pairs[last * SYMBOLS + usize::from(symbol)];
            for (sum, score) in sum.iter_mut().zip(pair) {
                // At most 25 pairs of less than 20 nats: no overflow.
                *sum += score;
            }
            last = usize::from(symbol);
        }
        let rare = ((1.0 - COVERAGE).ln() * f64::from(NAT)) as i16;
        for sum in &mut sum[..UNKNOWN] {
            *sum += rare;
        }
        sum[UNKNOWN] -= (UNKNOWN_COST * f64::from(NAT)) as i16;
        sum
    }
}

/// Zipf's law with Mandelbrot's shift; the lists are in rough order only.
fn weight(rank: usize) -> f64 {
    1.0 / (rank as f64 + 10.0)
}

#[cfg(test)]
pub(super) fn list(lane: usize) -> &'static str {
    LISTS[lane]
}

/// Scores below the best one, at most `limit` nats below.
fn limited(scores: [f64; LANES], limit: f64) -> Scores {
    let best = scores.into_iter().fold(f64::NEG_INFINITY, f64::max);
    scores.map(|score| ((score - best).max(-limit) * f64::from(NAT)) as i16)
}

/// Log-probabilities of the second symbol after the first, by lane. The lane of everything else
/// has the letters of all lists together.
fn letter_pairs() -> Vec<Scores> {
    let mut counts = vec![[0.0_f64; LANES]; SYMBOLS * SYMBOLS];
    for (lane, list) in LISTS.iter().enumerate() {
        for word in list.split_whitespace() {
            let folded = Folded::new(word);
            let mut last = 0;
            for &symbol in folded.symbols[..folded.len].iter().chain(&[0]) {
                let pair = &mut counts[last * SYMBOLS + usize::from(symbol)];
                pair[lane] += 1.0;
                pair[UNKNOWN] += 1.0;
                last = usize::from(symbol);
            }
        }
    }
    let mut letters = vec![[0.0_f64; LANES]; SYMBOLS];
    for (at, pair) in counts.iter().enumerate() {
        for lane in 0..LANES {
            letters[at % SYMBOLS][lane] += pair[lane];
        }
    }
    let total: [f64; LANES] = std::array::from_fn(|lane| letters.iter().map(|l| l[lane]).sum());
    let mut pairs = vec![[0; LANES]; SYMBOLS * SYMBOLS];
    for (at, pair) in pairs.iter_mut().enumerate() {
        let (first, second) = (at / SYMBOLS, at % SYMBOLS);
        for lane in 0..LANES {
            let letter = (letters[second][lane] + 0.2) / (total[lane] + 0.2 * SYMBOLS as f64);
            let probability =
                (counts[at][lane] + PAIR_PRIOR * letter) / (letters[first][lane] + PAIR_PRIOR);
            pair[lane] = (probability.ln() * f64::from(NAT)) as i16;
        }
    }
    pairs
}
