//! Words by language.

use super::Character;
use super::units::EXTEND;

const KATAKANA: u32 = 3;
const LETTER: u32 = 1;
const SENTENCE_END: u32 = 1 << 12;
const OPERATOR: u32 = 1 << 13;
const CAPITAL: u32 = 1 << 15;
const NO_SCRIPT: u32 = 0;
const LATIN: u32 = 1;
const HAN: u32 = 2;
const KANA: u32 = 3;
const HANGUL: u32 = 4;
const CYRILLIC: u32 = 5;
const ARABIC_SCRIPT: u32 = 6;
const GREEK: u32 = 7;
const OTHER: u32 = 8;
const NUMBER: u32 = 9;
const CHINESE: usize = 1;
const ARABIC: usize = 2;
const JAPANESE: usize = 7;
const KOREAN: usize = 8;
const RUSSIAN: usize = 11;
const NO_LANGUAGE: usize = 12;

/// Which token is read, and its entry in the table.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) token: u32,
    pub(super) entry: u32,
}

/// The open Latin run.
#[derive(Default)]
struct Latin {
    capitals: u32,
    vowel: bool,
    named: bool,
    /// Whether it ends with an apostrophe.
    quote: bool,
    behind_operator: bool,
    behind_number: bool,
    first: Place,
    last: Place,
}

#[derive(Default)]
pub(super) struct Language {
    pub(super) words: [u32; 13],
    /// Of the open run.
    script: u32,
    letters: u32,
    latin: Latin,
    /// What language a word tells (0: none) that waits for what stands behind it, and whether it is
    /// short.
    waiting: Option<(u32, bool)>,
    /// Latin words of the sentence, those that tell each language, and the language of the one before.
    latin_words: u32,
    told: [u32; 13],
    current: usize,
    shouting: bool,
    /// The character before, and the class of the last one that is no space.
    before: u32,
    before_class: u32,
    seen_class: u32,
    /// Words of the run, and of the sentence's runs without kana and with.
    han: u32,
    kana: u32,
    alone: u32,
    japanese: u32,
}

fn is_vowel(c: u32) -> bool {
    c >= 128 || 0x0220_8222_u32 >> (c & 31) & 1 == 1
}

fn script_of(class: u32) -> u32 {
    class >> 8 & 15
}

impl Language {
    pub(super) fn character(&mut self, character: Character, place: Place) {
        let Character { c, class } = character;
        let (segment, own) = (character.segment(), character.script());
        if segment == EXTEND {
            return;
        }
        let apostrophe = c == u32::from('\'') || c == u32::from('’');
        if self.script == LATIN && apostrophe && !self.latin.quote {
            self.latin.quote = true;
            return;
        }
        // Ukrainian and the like have letters of their own within words.
        let other = own == OTHER && segment == LETTER;
        let same = self.script == own
            || self.script == OTHER && (HANGUL..=OTHER).contains(&own)
            || other && self.script >= HANGUL;
        if !same || segment == 0 {
            self.end_run(character);
        }
        let space = c == u32::from(' ');
        if !space && self.script != LATIN {
            self.settle(class);
        }
        if matches!(own, HAN | KANA) {
            self.han += u32::from(own == HAN);
            let inside = segment == KATAKANA && self.before_class & 15 == KATAKANA;
            self.kana += u32::from(own == KANA && !inside);
        } else {
            self.end_han();
            match own {
                LATIN => self.latin_letter(character, place),
                HANGUL..=OTHER => {
                    self.letters = if self.script == NO_SCRIPT { 1 } else { self.letters + 1 };
                    self.script = if self.script == OTHER { OTHER } else { own };
                }
                _ => {}
            }
        }
        if character.is(SENTENCE_END) {
            self.end_sentence();
        }
        self.shouting &= own == LATIN || space;
        (self.before, self.before_class) = (c, class);
        if !space {
            self.seen_class = class;
        }
    }

    fn latin_letter(&mut self, character: Character, place: Place) {
        if self.script != LATIN {
            let sign = self.before == u32::from('_') || self.before == u32::from('\\');
            self.latin = Latin {
                named: sign || script_of(self.before_class) == NUMBER,
                behind_operator: self.seen_class & OPERATOR != 0,
                behind_number: script_of(self.seen_class) == NUMBER,
                first: place,
                ..Latin::default()
            };
            (self.script, self.letters) = (LATIN, 0);
        }
        let latin = &mut self.latin;
        let capital = character.is(CAPITAL);
        latin.quote = false;
        // A capital inside a small word.
        latin.named |= capital && self.letters > latin.capitals;
        latin.capitals += u32::from(capital);
        latin.vowel |= is_vowel(character.c);
        latin.last = place;
        self.letters += 1;
    }

    /// `behind` is what ended it.
    fn end_latin(&mut self, behind: Character) {
        let latin = &self.latin;
        let joined = behind.script() == NUMBER || behind.c == u32::from('_');
        if self.letters < 2 || !latin.vowel || latin.named || !latin.quote && joined {
            return;
        }
        let entry = if latin.first.token == latin.last.token { latin.first.entry } else { 0 };
        let (language, frequent) = (entry >> 27 & 15, entry >> 31 == 1);
        let shouts = latin.capitals == self.letters;
        let shouted = std::mem::replace(&mut self.shouting, shouts);
        let short = self.letters <= 3;
        let unlisted = latin.behind_number && !frequent;
        if language == 1
            || self.letters <= 4 && shouts && !(shouted && frequent)
            || short && (latin.behind_operator || unlisted)
        {
            return;
        }
        self.waiting = Some((language, short));
    }

    /// What stands behind the word that waits is known.
    fn settle(&mut self, class: u32) {
        if let Some((language, short)) = self.waiting.take()
            && !(short && class & OPERATOR != 0)
        {
            self.latin_words += 1;
            if language > 1 {
                self.told[language as usize - 2] += 1;
            }
        }
    }

    fn end_run(&mut self, behind: Character) {
        let script = std::mem::replace(&mut self.script, NO_SCRIPT);
        let language = match script {
            NO_SCRIPT => return,
            LATIN => return self.end_latin(behind),
            HANGUL => KOREAN,
            CYRILLIC => RUSSIAN,
            ARABIC_SCRIPT => ARABIC,
            _ => NO_LANGUAGE,
        };
        // A single Greek letter is a name.
        if script != GREEK || self.letters > 1 {
            self.words[language] += 1;
        }
    }

    fn end_han(&mut self) {
        let (han, kana) = (std::mem::take(&mut self.han), std::mem::take(&mut self.kana));
        if kana == 0 {
            self.alone += han;
        } else {
            self.japanese += han + kana;
        }
    }

    fn end_sentence(&mut self) {
        self.end_han();
        let alone = if self.japanese > self.alone / 2 { JAPANESE } else { CHINESE };
        self.words[alone] += std::mem::take(&mut self.alone);
        self.words[JAPANESE] += std::mem::take(&mut self.japanese);
        let told = std::mem::take(&mut self.told);
        for language in 0..told.len() {
            if told[language] > told[self.current] {
                self.current = language;
            }
        }
        self.words[self.current] += std::mem::take(&mut self.latin_words);
    }
}
