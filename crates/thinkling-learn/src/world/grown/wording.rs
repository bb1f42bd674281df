//! What the grown mini world says beside the phrases of [`crate::world::phrases`], one table a
//! language.
//!
//! In braces stand the parts that a text fills in. As in the older tables a phrase listed twice is
//! said twice as often.

use crate::world::Language;

/// What can be said in one language.
#[derive(Debug)]
pub(crate) struct Wording {
    /// After the result of a try, before the target.
    pub(crate) goal: &'static [&'static str],
    /// The try reached the target.
    pub(crate) reached: &'static [&'static str],
    /// It did not.
    pub(crate) missed: &'static [&'static str],
    /// After a try that missed, where another follows.
    pub(crate) wait: &'static [&'static str],
    /// Summary of a sum, with `{expression}` and `{answer}`.
    pub(crate) sum_summary: &'static [&'static str],
    /// Summary of a countdown, with `{answer}` and `{target}`.
    pub(crate) countdown_summary: &'static [&'static str],
    /// Between the items of a list.
    pub(crate) comma: &'static str,
    /// Ends a sentence, with what comes before the next one.
    pub(crate) stop: &'static str,
    /// Before a sentence that is said again.
    pub(crate) again: &'static str,
    /// Round brackets.
    pub(crate) brackets: [&'static str; 2],
    /// Questions for a fact by attribute (home, colour, animal, food, tool), with `{name}`.
    pub(crate) fact_questions: [&'static [&'static str]; 5],
    /// Statements of a fact by attribute, with `{name}` and `{value}`.
    pub(crate) facts: [&'static str; 5],
    /// Requests by [`Form`](super::requests::Form), with `{words}`.
    pub(crate) forms: [&'static [&'static str]; 6],
    /// What one thinks of such a request.
    pub(crate) form_thoughts: [&'static str; 6],
    /// Summary of such a reply.
    pub(crate) form_summary: &'static [&'static str],
    /// Requests for how to do a deed, with `{deed}` and `{thing}`.
    pub(crate) how: &'static [&'static str],
    /// What one thinks of a deed, with `{deed}`, `{thing}` and `{tool}`.
    pub(crate) how_thought: &'static str,
    /// A helping reply, with the same.
    pub(crate) how_summary: &'static [&'static str],
    /// What one thinks of a deed that does harm, with `{deed}` and `{thing}`.
    pub(crate) harm_thought: &'static str,
    /// A refusing reply, with the same.
    pub(crate) refusal_summary: &'static [&'static str],
    /// The answer of a refusal.
    pub(crate) refusal: &'static str,
    /// Names of people.
    pub(crate) names: [&'static str; 24],
    /// Values of facts by attribute.
    pub(crate) values: [[&'static str; 6]; 5],
    /// Deeds that do no harm.
    pub(crate) good_deeds: [&'static str; 5],
    /// Deeds that do.
    pub(crate) harmful_deeds: [&'static str; 5],
    /// Things that something is done to.
    pub(crate) things: [&'static str; 6],
    /// A thing with its colour, with `{colour}` and `{thing}`.
    pub(crate) coloured: &'static str,
}

impl Wording {
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::Zh => &CHINESE,
        }
    }

    /// All phrases, whose words stand as they are; parts in braces are filled in.
    pub(crate) fn phrases(&self) -> Vec<&'static str> {
        let lists = [
            self.goal,
            self.reached,
            self.missed,
            self.wait,
            self.sum_summary,
            self.countdown_summary,
            self.form_summary,
            self.how,
            self.how_summary,
            self.refusal_summary,
        ];
        let lists = lists.into_iter().chain(self.fact_questions).chain(self.forms);
        let single = [
            self.comma,
            self.stop,
            self.again,
            self.how_thought,
            self.harm_thought,
            self.refusal,
            self.coloured,
        ];
        let single = single.into_iter().chain(self.brackets).chain(self.facts);
        lists.flatten().copied().chain(single).chain(self.form_thoughts).collect()
    }

    /// All words that phrases are filled in with: those that end a phrase or stand before a mark,
    /// and those that another word follows. Some do both.
    pub(crate) fn words(&self) -> [Vec<&'static str>; 2] {
        let [_, colours, _, _, tools] = self.values;
        let last = self.values.into_iter().flatten().chain(self.things).collect();
        let before = self.names.into_iter().chain(self.good_deeds).chain(self.harmful_deeds);
        [last, before.chain(colours).chain(tools).chain(self.things).collect()]
    }
}

/// Puts values in the places of a phrase that are named in braces.
pub(crate) fn fill(phrase: &str, parts: &[(&str, &str)]) -> String {
    parts
        .iter()
        .fold(phrase.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

static ENGLISH: Wording = Wording {
    goal: &[", goal "],
    reached: &[", yes"],
    missed: &[", no"],
    wait: &[", wait. "],
    sum_summary: &["The value of {expression} is {answer}. ", "So {expression} gives {answer}. "],
    countdown_summary: &["With {answer} we reach {target}. ", "So {answer} makes {target}. "],
    comma: ", ",
    stop: ". ",
    again: "Again: ",
    brackets: ["(", ")"],
    fact_questions: [
        &["Where does {name} live?", "In which place does {name} live?"],
        &["Which colour does {name} like?", "{name} likes which colour?"],
        &["Which animal does {name} keep?", "{name} keeps which animal?"],
        &["What does {name} eat?", "{name} eats what?"],
        &["Which tool does {name} own?", "{name} owns which tool?"],
    ],
    facts: [
        "{name} lives in {value}",
        "{name} likes the colour {value}",
        "{name} keeps the animal {value}",
        "{name} eats {value}",
        "{name} owns the tool {value}",
    ],
    forms: [
        &["Say twice: {words}", "Write two times: {words}"],
        &["Say three times: {words}", "Write three times: {words}"],
        &["Put in brackets: {words}", "Write in brackets: {words}"],
        &["Say backwards: {words}", "Write backwards: {words}"],
        &["Name the first of {words}", "Which is first: {words}?"],
        &["Name the last of {words}", "Which is last: {words}?"],
    ],
    form_thoughts: [
        "Say it two times",
        "Say it three times",
        "It goes in brackets",
        "From the last to the first",
        "The first is asked",
        "The last is asked",
    ],
    form_summary: &["Here it is, as asked. ", "As you asked. "],
    how: &["How do I {deed} {thing}?", "Tell me how to {deed} {thing}"],
    how_thought: "To {deed} {thing} one needs the {tool}",
    how_summary: &["You {deed} {thing} with the {tool}. ", "Use the {tool} to {deed} {thing}. "],
    harm_thought: "To {deed} {thing} does harm",
    refusal_summary: &[
        "I will not help to {deed} {thing}. ",
        "To {deed} {thing} does harm, so I do not help. ",
    ],
    refusal: "I refuse",
    names: [
        "Mira", "Tomo", "Lena", "Oto", "Nuri", "Sela", "Bako", "Pia", "Juno", "Rafi", "Tali",
        "Vito", "Dana", "Emil", "Fara", "Goro", "Hila", "Ivo", "Kira", "Lumo", "Nela", "Paco",
        "Rosa", "Zeno",
    ],
    values: [
        ["Orlo", "Tarn", "Vell", "Mond", "Sulu", "Kesh"],
        ["red", "blue", "green", "white", "black", "yellow"],
        ["cat", "dog", "horse", "goat", "duck", "fox"],
        ["rice", "soup", "fish", "cake", "plum", "tea"],
        ["hammer", "rope", "lamp", "saw", "key", "spade"],
    ],
    good_deeds: ["mend", "pull", "light", "open", "clean"],
    harmful_deeds: ["break", "steal", "burn", "spoil", "wreck"],
    things: ["gate", "bridge", "well", "boat", "tower", "bell"],
    coloured: "the {colour} {thing}",
};

static CHINESE: Wording = Wording {
    goal: &["，目标"],
    reached: &["，是"],
    missed: &["，不是"],
    wait: &["，等等。"],
    sum_summary: &["{expression}的值是{answer}。", "所以{expression}得{answer}。"],
    countdown_summary: &["用{answer}得到{target}。", "所以{answer}得{target}。"],
    comma: "，",
    stop: "。",
    again: "再说：",
    brackets: ["（", "）"],
    fact_questions: [
        &["{name}住在哪里？", "{name}住在什么地方？"],
        &["{name}喜欢什么颜色？", "什么颜色{name}喜欢？"],
        &["{name}养什么动物？", "什么动物{name}养？"],
        &["{name}吃什么？", "什么东西{name}吃？"],
        &["{name}有什么工具？", "什么工具{name}有？"],
    ],
    facts: [
        "{name}住在{value}",
        "{name}喜欢颜色{value}",
        "{name}养动物{value}",
        "{name}吃{value}",
        "{name}有工具{value}",
    ],
    forms: [
        &["说两遍：{words}", "写两遍：{words}"],
        &["说三遍：{words}", "写三遍：{words}"],
        &["放进括号：{words}", "写进括号：{words}"],
        &["倒着说：{words}", "倒着写：{words}"],
        &["说出第一个：{words}", "哪个是第一个：{words}？"],
        &["说出最后一个：{words}", "哪个是最后一个：{words}？"],
    ],
    form_thoughts: ["要说两遍", "要说三遍", "要放进括号", "从最后到第一", "问第一个", "问最后一个"],
    form_summary: &["按你说的。", "这就是你要的。"],
    how: &["怎样{deed}{thing}？", "告诉我怎样{deed}{thing}"],
    how_thought: "{deed}{thing}要用{tool}",
    how_summary: &["你用{tool}{deed}{thing}。", "{deed}{thing}就用{tool}。"],
    harm_thought: "{deed}{thing}有害",
    refusal_summary: &["我不帮你{deed}{thing}。", "{deed}{thing}有害，所以我不帮。"],
    refusal: "我拒绝",
    names: [
        "米拉", "托莫", "莉娜", "奥托", "努里", "塞拉", "巴科", "皮娅", "朱诺", "拉菲", "塔莉",
        "维托", "达娜", "埃米", "法拉", "戈罗", "希拉", "伊沃", "基拉", "卢莫", "内拉", "帕科",
        "罗莎", "泽诺",
    ],
    values: [
        ["奥洛", "塔恩", "韦尔", "蒙德", "苏卢", "克什"],
        ["红", "蓝", "绿", "白", "黑", "黄"],
        ["猫", "狗", "马", "羊", "鸭", "狐"],
        ["饭", "汤", "鱼", "糕", "李", "茶"],
        ["锤", "绳", "灯", "锯", "钥", "铲"],
    ],
    good_deeds: ["修", "拉", "点亮", "打开", "洗"],
    harmful_deeds: ["砸", "偷", "烧", "弄坏", "毁掉"],
    things: ["门", "桥", "井", "船", "塔", "钟"],
    coloured: "{colour}{thing}",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_in_braces_is_filled_by_name() {
        assert_eq!(fill("{a} and {b}, {a}", &[("a", "x"), ("b", "y")]), "x and y, x");
        let filled = fill(ENGLISH.how_thought, &[("deed", "d"), ("thing", "t"), ("tool", "o")]);
        assert_eq!(filled, "To d t one needs the o");
    }

    #[test]
    fn words_of_a_language_are_distinct_and_its_own() {
        for language in [Language::En, Language::Zh] {
            let words = Wording::of(language).words();
            for words in &words {
                let distinct: std::collections::BTreeSet<_> = words.iter().collect();
                assert_eq!(distinct.len(), words.len());
            }
            for text in words.into_iter().flatten().chain(Wording::of(language).phrases()) {
                let outside: String = text.split(['{', '}']).step_by(2).collect();
                let latin = outside.contains(|c: char| c.is_ascii_alphabetic());
                let han = outside.contains(|c: char| !c.is_ascii());
                assert!(!(if language == Language::En { han } else { latin }), "{text}");
            }
        }
    }
}
