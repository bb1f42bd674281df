//! Strings that end a text, found while it is still arriving.

/// What a piece of text decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopMatch {
    /// Text that is certain by now.
    pub text: String,
    /// Which of the strings ended it; nothing more comes then.
    pub stopped_by: Option<usize>,
}

/// Looks for strings in a text that comes in pieces. The text ends before the one that is complete
/// first, wherever the pieces are cut; what may be the beginning of one is held back.
///
/// ```
/// use thinkling_text::StopStrings;
///
/// let mut stop = StopStrings::new(vec!["\n\n".into(), "END".into()]);
/// assert_eq!(stop.push("one E").text, "one ");
/// assert_eq!(stop.push("ND two").stopped_by, Some(1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopStrings {
    strings: Vec<String>,
    held: String,
    stopped_by: Option<usize>,
}

impl StopStrings {
    /// Empty strings are never found.
    pub fn new(strings: Vec<String>) -> Self {
        Self { strings, held: String::new(), stopped_by: None }
    }

    /// Takes the next piece and gives what is decided by it.
    pub fn push(&mut self, piece: &str) -> StopMatch {
        if self.stopped_by.is_some() {
            return StopMatch { text: String::new(), stopped_by: self.stopped_by };
        }
        self.held.push_str(piece);
        let strings = self.strings.iter().enumerate().filter(|(_, string)| !string.is_empty());
        let found = strings.filter_map(|(i, string)| {
            let at = self.held.find(string.as_str())?;
            Some((at + string.len(), at, i))
        });
        // Of several the one that is complete first, whatever piece it came in; of these the longest.
        if let Some((_, at, which)) = found.min() {
            let mut text = std::mem::take(&mut self.held);
            text.truncate(at);
            self.stopped_by = Some(which);
            return StopMatch { text, stopped_by: self.stopped_by };
        }
        let rest = self.held.split_off(self.certain());
        StopMatch { text: std::mem::replace(&mut self.held, rest), stopped_by: None }
    }

    /// Ends the text: what was held back was no stop string.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Bytes of the held text that no stop string can begin in.
    fn certain(&self) -> usize {
        let longest = self.strings.iter().map(String::len).max().unwrap_or(0).saturating_sub(1);
        let mut from = self.held.len().saturating_sub(longest);
        while from < self.held.len() {
            let rest = &self.held.as_bytes()[from..];
            if self.strings.iter().any(|string| string.as_bytes().starts_with(rest)) {
                // A string begins with a whole character, so this is a border of one.
                break;
            }
            from += 1;
        }
        from
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(strings: &[&str], pieces: &[&str]) -> (String, Option<usize>) {
        let mut stop = StopStrings::new(strings.iter().map(|s| (*s).to_owned()).collect());
        let mut text = String::new();
        for piece in pieces {
            let found = stop.push(piece);
            text.push_str(&found.text);
            if found.stopped_by.is_some() {
                return (text, found.stopped_by);
            }
        }
        text.push_str(&stop.finish());
        (text, None)
    }

    #[test]
    fn a_string_is_found_across_pieces_and_the_text_ends_before_it() {
        assert_eq!(run(&["END"], &["a", "bE", "N", "Dc"]), ("ab".to_owned(), Some(0)));
        assert_eq!(run(&["END"], &["abEN", "E"]), ("abENE".to_owned(), None));
        assert_eq!(run(&["é!"], &["aé", "!b"]), ("a".to_owned(), Some(0)));
        assert_eq!(run(&[], &["a", "b"]), ("ab".to_owned(), None));
        assert_eq!(run(&[""], &["a"]), ("a".to_owned(), None));
    }

    #[test]
    fn of_several_the_first_that_is_complete_counts() {
        assert_eq!(run(&["two", "one"], &["one two"]), (String::new(), Some(1)));
        assert_eq!(run(&["abcd", "bc"], &["xabcd"]), ("xa".to_owned(), Some(1)));
    }

    #[test]
    fn only_what_may_begin_a_string_is_held_back() {
        let mut stop = StopStrings::new(vec!["END".into()]);
        assert_eq!(stop.push("value E").text, "value ");
        assert_eq!(stop.push("x").text, "Ex");
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_changes_nothing(
            pieces in prop::collection::vec("[abé]{0,3}", 0..12),
            strings in prop::collection::vec("[abé]{1,4}", 0..3),
        ) {
            let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
            let cut: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let whole = pieces.concat();
            let (text, stopped) = run(&strings, &cut);
            prop_assert_eq!((text.clone(), stopped), run(&strings, &[&whole]));
            match stopped {
                Some(which) => prop_assert!(whole[text.len()..].starts_with(strings[which])),
                None => {
                    prop_assert!(strings.iter().all(|string| !whole.contains(string)));
                    prop_assert_eq!(text, whole);
                }
            }
        }
    }
}
