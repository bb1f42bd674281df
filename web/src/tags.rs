//! What is said of a completion's tags and words beside the reward: which of the four tags is missing
//! or doubled, and whether there are words at all.

/// The tags of R1-Zero's template; those of thinking come first.
const TAGS: [&str; 4] = ["<think>", "</think>", "<answer>", "</answer>"];

/// The first tag that does not stand exactly once, and how often it stands; `think_only` is a format
/// that asks for no tags around an answer.
pub(crate) fn first_fault(text: &str, think_only: bool) -> Option<(&'static str, usize)> {
    let asked = if think_only { &TAGS[..2] } else { &TAGS[..] };
    asked.iter().map(|tag| (*tag, text.matches(tag).count())).find(|(_, count)| *count != 1)
}

/// Whether there is a letter outside of the tags: a chain of sums has no language.
pub(crate) fn holds_words(text: &str) -> bool {
    let bare = TAGS.into_iter().fold(text.to_owned(), |text, tag| text.replace(tag, ""));
    bare.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_at_fault_is_named() {
        let good = "<think>1+1=2</think><answer>2</answer>";
        assert_eq!(first_fault(good, false), None);
        assert_eq!(first_fault("1+1=2. So 2", false), Some(("<think>", 0)));
        assert_eq!(first_fault(&good.replace("</think>", ""), false), Some(("</think>", 0)));
        assert_eq!(first_fault(&format!("{good}<answer>"), false), Some(("<answer>", 2)));
        assert_eq!(first_fault("<think>1+1=2</think>2", true), None);
        assert_eq!(first_fault("<think>1+1=2<think>2", true), Some(("<think>", 2)));
    }

    #[test]
    fn sums_alone_are_no_words() {
        assert!(!holds_words("<think>1+1=2</think><answer>2</answer>"));
        assert!(holds_words("<think>先算1+1=2</think>"));
        assert!(holds_words("so 2"));
    }
}
