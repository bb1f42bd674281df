//! The closed vocabulary of the grown mini world: the older one with its ids, and what is new.

use std::collections::BTreeSet;

use serde_json::Value;

use super::wording::Wording;
use crate::world::Language;
use crate::world::vocabulary::{file_of, split_pieces, tokens};

/// All tokens; the index of a token is its id, and the first ones are [`tokens`].
pub fn grown_tokens() -> Vec<String> {
    let mut all = tokens();
    let known: BTreeSet<String> = all.iter().cloned().collect();
    let mut new = BTreeSet::new();
    for language in [Language::En, Language::Zh] {
        let wording = Wording::of(language);
        for phrase in wording.phrases() {
            // What is filled in ends a text: what follows is cut anew.
            new.extend(
                phrase.split(['{', '}']).step_by(2).flat_map(split_pieces).map(str::to_owned),
            );
        }
        let [last, before] = wording.words();
        new.extend(last.iter().flat_map(|word| split_pieces(word)).map(str::to_owned));
        // In an English sentence a blank follows, and belongs to the word.
        let blank = if language == Language::En { " " } else { "" };
        for word in before.iter().map(|word| format!("{word}{blank}")) {
            new.extend(split_pieces(&word).into_iter().map(str::to_owned));
        }
    }
    all.extend(new.into_iter().filter(|token| !known.contains(token)));
    all
}

/// The content of `tokenizer.json`, as [`tokenizer_json`](crate::world::tokenizer_json) gives it
/// for the older world.
pub fn grown_tokenizer_json() -> Value {
    file_of(&grown_tokens())
}

#[cfg(test)]
mod tests {
    use thinkling_text::Tokenizer;

    use super::super::{GrownConfig, GrownCorpus, Preference, preferences};
    use super::*;
    use crate::world::Split;

    fn tokenizer() -> Tokenizer {
        Tokenizer::from_json(grown_tokenizer_json().to_string().as_bytes()).unwrap()
    }

    #[test]
    fn older_ids_stay() {
        let tokens = tokens();
        assert_eq!(grown_tokens()[..tokens.len()], tokens);
        let distinct: BTreeSet<String> = grown_tokens().into_iter().collect();
        assert_eq!(distinct.len(), grown_tokens().len());
    }

    #[test]
    fn the_committed_base_has_these_ids() {
        let file = include_str!("../../../../../recipes/mini-r1-base/tokenizer.json");
        let file: Value = serde_json::from_str(file).unwrap();
        let ids = file["model"]["vocab"].as_object().unwrap();
        let tokens = grown_tokens();
        assert_eq!(ids.len(), tokens.len());
        assert!(tokens.iter().enumerate().all(|(id, token)| ids[token] == id));
    }

    #[test]
    fn every_text_comes_back_whole_and_next_to_no_token_is_never_used() {
        let tokenizer = tokenizer();
        let unknown = tokenizer.token_to_id("<unk>").unwrap();
        let mut used = BTreeSet::new();
        let corpus = GrownCorpus::new(GrownConfig::default(), 5).unwrap().take(30_000);
        let pairs = preferences(Split::Corpus, 2_000, 5, 0.6);
        let texts = |p: Preference| [p.prompt, p.chosen, p.rejected];
        for text in corpus.chain(pairs.into_iter().flat_map(texts)) {
            let ids = tokenizer.encode(&text).unwrap();
            assert!(!ids.contains(&unknown), "{text}");
            assert_eq!(tokenizer.decode(&ids, true), text);
            used.extend(ids);
        }
        let tokens = grown_tokens();
        let unused: Vec<&String> = (0..tokens.len())
            .filter(|id| !used.contains(&(*id as u32)))
            .map(|id| &tokens[id])
            .collect();
        // Two are the older world's, and no deed takes a saw.
        assert_eq!(unused, ["<pad>", "<eos>", "<unk>", "yes ", "正", "saw "]);
        assert!(tokens.len() < 500, "{}", tokens.len());
    }
}
