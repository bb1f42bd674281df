//! What is so in the grown mini world: who lives where and likes what, and which tool does a deed.
//!
//! All of it is invented, and follows from a fixed hash. The corpus states every fact; as a question
//! with an answer, a fact occurs in one split alone, as problems do.

use super::wording::{Wording, fill};
use crate::world::Language;
use crate::world::problem::fixed_hash;

/// People that there are.
pub(crate) const PEOPLE: usize = 24;
/// Things that are known of each.
pub(crate) const ATTRIBUTES: usize = 5;
/// Values that each of them can have.
const VALUES: u64 = 6;
/// The attribute whose values are colours.
pub(crate) const COLOUR: usize = 1;
/// The attribute whose values are tools.
pub(crate) const TOOL: usize = 4;
/// Tools for deeds, by the deed's place in its list; harmful ones share them.
const TOOL_OF_DEED: [usize; 5] = [0, 1, 2, 4, 5];

/// One fact: an attribute of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Index of the person.
    pub(crate) person: usize,
    /// Index of the attribute: home, colour, animal, food, tool.
    pub(crate) attribute: usize,
}

impl Fact {
    /// The text that two facts share exactly if they are the same.
    pub(crate) fn canonical(self) -> String {
        format!("fact {} {}", self.person, self.attribute)
    }

    /// Index of the value.
    fn value_index(self) -> usize {
        (fixed_hash(&format!("value of {}", self.canonical())) % VALUES) as usize
    }

    /// Name of the person.
    pub(crate) fn name(self, language: Language) -> &'static str {
        Wording::of(language).names[self.person]
    }

    /// What is so.
    pub(crate) fn value(self, language: Language) -> &'static str {
        Wording::of(language).values[self.attribute][self.value_index()]
    }

    /// Another value than the true one, `turn` places further.
    pub(crate) fn other_value(self, language: Language, turn: usize) -> &'static str {
        let values = Wording::of(language).values[self.attribute];
        let step = 1 + turn % (values.len() - 1);
        values[(self.value_index() + step) % values.len()]
    }

    /// The fact as a statement without a stop.
    pub(crate) fn statement(self, language: Language, value: &str) -> String {
        let phrase = Wording::of(language).facts[self.attribute];
        fill(phrase, &[("name", self.name(language)), ("value", value)])
    }
}

/// Something that is done to a thing of a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deed {
    /// Whether it does harm.
    pub(crate) harmful: bool,
    /// Index of what is done, in the list of deeds that do harm or that of the others.
    pub(crate) deed: usize,
    /// Index of the colour.
    pub(crate) colour: usize,
    /// Index of the thing.
    pub(crate) thing: usize,
}

impl Deed {
    /// The text that two deeds share exactly if they are the same.
    pub(crate) fn canonical(self) -> String {
        let kind = if self.harmful { "harm" } else { "how" };
        format!("{kind} {} {} {}", self.deed, self.colour, self.thing)
    }

    /// The tool that it takes.
    pub(crate) fn tool(self, language: Language) -> &'static str {
        Wording::of(language).values[TOOL][TOOL_OF_DEED[self.deed]]
    }

    /// A phrase about the deed, with `{deed}`, `{thing}` and `{tool}`.
    pub(crate) fn say(self, phrase: &str, language: Language) -> String {
        let wording = Wording::of(language);
        let deeds = if self.harmful { wording.harmful_deeds } else { wording.good_deeds };
        let colour = wording.values[COLOUR][self.colour];
        let parts = [("colour", colour), ("thing", wording.things[self.thing])];
        let thing = fill(wording.coloured, &parts);
        let tool = self.tool(language);
        fill(phrase, &[("deed", deeds[self.deed]), ("thing", &thing), ("tool", tool)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_has_one_value_in_both_languages() {
        for person in 0..PEOPLE {
            for attribute in 0..ATTRIBUTES {
                let fact = Fact { person, attribute };
                let place = |language: Language| {
                    let values = Wording::of(language).values[attribute];
                    values.iter().position(|value| *value == fact.value(language))
                };
                assert_eq!(place(Language::En), place(Language::Zh));
                for turn in 0..10 {
                    assert_ne!(fact.value(Language::En), fact.other_value(Language::En, turn));
                }
            }
        }
    }

    #[test]
    fn deeds_are_told_in_words() {
        let deed = Deed { harmful: true, deed: 0, colour: 1, thing: 0 };
        let how = "How do I {deed} {thing}?";
        assert_eq!(deed.say(how, Language::En), "How do I break the blue gate?");
        assert_eq!(deed.say("怎样{deed}{thing}？", Language::Zh), "怎样砸蓝门？");
        assert_eq!(deed.tool(Language::En), "hammer");
    }
}
