//! Scripts that more than one language writes, decided by the sentence.
//!
//! - Han characters are Chinese, or Japanese in a run with kana; a run without kana goes with the
//!   runs around it. Characters that only Chinese has (`们`, `这`, simplified forms) keep a run
//!   Chinese that also quotes some kana.
//! - Cyrillic is Russian, unless the sentence has letters that Russian does not (`і`, `ї`, `ђ`).
//! - The Arabic script is Arabic, unless the sentence has letters that Arabic does not (`پ`, `گ`).
//!
//! Left out: Japanese without kana, Cantonese, languages of the Russian letters alone (Bulgarian).

use super::WordCounts;
use crate::problem::Language;
use crate::script::is_kana;

/// The words of a sentence that are not decided yet.
#[derive(Default)]
pub(super) struct Sentence {
    run: Run,
    /// Han characters of runs without kana, and those that only Chinese has.
    alone: Run,
    /// Han characters and kana of the runs that are Japanese.
    japanese: usize,
    /// Han characters of the runs that are Chinese in spite of kana.
    chinese: usize,
    /// Kana of those runs; Japanese as a quotation.
    quoted: usize,
    cyrillic: usize,
    cyrillic_is_other: bool,
    arabic: usize,
    arabic_is_other: bool,
}

/// Han characters and kana that touch.
#[derive(Clone, Copy, Default)]
struct Run {
    han: usize,
    /// How many of them Japanese does not write.
    chinese_only: usize,
    /// Words of kana.
    kana: usize,
    kana_letters: usize,
}

impl Sentence {
    pub(super) fn han(&mut self, c: char) {
        self.run.han += 1;
        self.run.chinese_only += usize::from(is_chinese_only(c));
    }

    /// A word of kana.
    pub(super) fn kana(&mut self, word: &str) {
        self.run.kana += 1;
        self.run.kana_letters += word.chars().filter(|&c| is_kana(c)).count();
    }

    pub(super) fn cyrillic(&mut self, word: &str) {
        self.cyrillic += 1;
        let russian = |c: char| matches!(c, 'А'..='я' | 'Ё' | 'ё') || !c.is_alphabetic();
        self.cyrillic_is_other |= !word.chars().all(russian);
    }

    pub(super) fn arabic(&mut self, word: &str) {
        self.arabic += 1;
        // Pe, che, zhe, gaf, keheh, farsi yeh, yeh barree and the letters of Urdu.
        let foreign = |c| "پچژگکیےٹڈڑںہھۀە".contains(c);
        self.arabic_is_other |= word.chars().any(foreign);
    }

    /// Something stands between the last character and the next.
    pub(super) fn end_run(&mut self) {
        if self.run.han + self.run.kana == 0 {
            return;
        }
        let run = std::mem::take(&mut self.run);
        if run.kana == 0 {
            self.alone.han += run.han;
            self.alone.chinese_only += run.chinese_only;
        } else if run.kana_letters > 4 * run.chinese_only {
            self.japanese += run.han + run.kana;
        } else {
            self.chinese += run.han;
            self.quoted += run.kana;
        }
    }

    /// Decides the sentence and starts the next.
    pub(super) fn end(&mut self, counts: &mut WordCounts) {
        self.end_run();
        let sentence = std::mem::take(self);
        let words = &mut counts.by_language;
        let alone = sentence.alone;
        let alone_is_japanese = alone.chinese_only == 0 && sentence.japanese > alone.han / 2;
        let language = if alone_is_japanese { Language::Ja } else { Language::Zh };
        words[language as usize] += alone.han;
        words[Language::Ja as usize] += sentence.japanese + sentence.quoted;
        words[Language::Zh as usize] += sentence.chinese;
        if sentence.cyrillic_is_other {
            counts.other += sentence.cyrillic;
        } else {
            words[Language::Ru as usize] += sentence.cyrillic;
        }
        if sentence.arabic_is_other {
            counts.other += sentence.arabic;
        } else {
            words[Language::Ar as usize] += sentence.arabic;
        }
    }
}

/// Frequent characters of Chinese that Japanese does not write: pronouns and particles, simplified
/// forms, and traditional forms that Japanese has simplified in another way.
fn is_chinese_only(c: char) -> bool {
    matches!(
        c,
        '们' | '們'
            | '这'
            | '這'
            | '你'
            | '您'
            | '她'
            | '它'
            | '吗'
            | '嗎'
            | '呢'
            | '啊'
            | '么'
            | '麼'
            | '给'
            | '让'
            | '讓'
            | '说'
            | '說'
            | '谁'
            | '没'
            | '沒'
            | '对'
            | '對'
            | '为'
            | '时'
            | '问'
            | '题'
            | '个'
            | '从'
            | '從'
            | '两'
            | '兩'
            | '几'
            | '开'
            | '关'
            | '關'
            | '动'
            | '应'
            | '應'
            | '过'
            | '进'
            | '样'
            | '樣'
            | '发'
            | '發'
            | '现'
            | '电'
            | '车'
            | '长'
            | '门'
            | '见'
            | '头'
            | '实'
            | '还'
            | '還'
            | '则'
            | '选'
            | '边'
            | '邊'
            | '证'
            | '證'
            | '设'
            | '请'
            | '數'
            | '积'
            | '圆'
            | '减'
            | '错'
            | '误'
            | '骤'
            | '很'
            | '嘛'
            | '啦'
            | '哪'
            | '怎'
            | '结'
            | '论'
            | '计'
            | '简'
            | '单'
            | '总'
            | '经'
            | '终'
            | '确'
            | '认'
            | '变'
            | '义'
            | '较'
            | '顺'
            | '组'
            | '续'
            | '显'
            | '买'
            | '卖'
            | '钱'
            | '块'
            | '岁'
            | '學'
            | '點'
            | '體'
            | '谢'
            | '语'
            | '嗯'
            | '咱'
    )
}
