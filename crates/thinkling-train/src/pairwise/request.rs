//! What a judge is asked.

use super::pairs::{Pair, Pairs};
use super::verdict::VERDICTS;
use crate::recipe::PreferencesStage;
use thinkling_text::Message;

/// What a judge is asked to look at.
const INSTRUCTIONS: &str = "\
Below are a request and two responses to it, A and B. Judge which response helps the person who asked \
more. Look first at whether what it says is right and whether it does what was asked, all of it and in \
the language of the request; then at whether it is clear and no longer than it has to be. Which response \
stands first means nothing, and a longer one is not better for its length.";

/// What it is asked to end with, before the verdicts.
const VERDICT: &str = "\
Compare the two responses in a few sentences. Then end with the one verdict that fits, in double square \
brackets as it stands here:";

/// What is asked about each pair, one message of `user` each: for pair `i` the conversation `2 i` with its
/// first response at place A, and `2 i + 1` with its second one there.
pub(crate) fn conversations(stage: &PreferencesStage, pairs: &Pairs<'_>) -> Vec<Vec<Message>> {
    let instructions = stage.instructions.as_deref().unwrap_or(INSTRUCTIONS);
    let of_pair = |pair: &Pair| {
        let question = question(&pairs.prompts()[pair.prompt].messages);
        let [first, second] = pairs.summaries(pair);
        [(first, second), (second, first)]
            .map(|(a, b)| vec![Message::new("user", request(instructions, &question, a, b))])
    };
    pairs.all().iter().flat_map(of_pair).collect()
}

fn request(instructions: &str, question: &str, a: &str, b: &str) -> String {
    let mut text = format!(
        "{}\n\n<request>\n{}\n</request>\n\n<response A>\n{a}\n</response A>\n\n<response B>\n{b}\n\
         </response B>\n\n{VERDICT}\n",
        instructions.trim(),
        question.trim()
    );
    for (verdict, _, meaning) in VERDICTS {
        text += &format!("[[{verdict}]] {meaning}\n");
    }
    text
}

/// A prompt as text: its only message, or all of them with their roles.
fn question(messages: &[Message]) -> String {
    match messages {
        [only] => only.content.clone(),
        all => {
            let turns = all.iter().map(|m| format!("{}: {}", m.role, m.content.trim()));
            turns.collect::<Vec<_>>().join("\n\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shows_question_and_summaries_and_ends_with_the_verdicts() {
        let text = request(INSTRUCTIONS, "What is 1+2?", "3.", "Four.");
        assert!(text.starts_with("Below are a request and two responses"), "{text}");
        let shown = "<request>\nWhat is 1+2?\n</request>\n\n<response A>\n3.\n</response A>\n\n\
                     <response B>\nFour.\n</response B>\n\n";
        assert!(text.contains(shown), "{text}");
        assert!(text.ends_with("[[B>>A]] response B is much better\n"), "{text}");
        let own = request("  Which is kinder? ", "Hi", "a", "b");
        assert!(own.starts_with("Which is kinder?\n\n<request>") && own.contains("[[A=B]]"));
    }

    #[test]
    fn a_conversation_is_shown_with_its_roles() {
        let turns = [Message::new("user", "Hi "), Message::new("assistant", "Hello")];
        assert_eq!(question(&turns), "user: Hi\n\nassistant: Hello");
        assert_eq!(question(&turns[..1]), "Hi ");
    }
}
