//! The prompt template of R1-Zero.

/// What stands before the question.
const BEFORE: &str = "A conversation between User and Assistant. The user asks a question, and the \
    Assistant solves it. The assistant first thinks about the reasoning process in the mind and \
    then provides the user with the answer. The reasoning process and answer are enclosed within \
    <think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process \
    here </think> <answer> answer here </answer>. User: ";
/// What stands after the question. No space at the end: the model writes the first one.
const AFTER: &str = ". Assistant:";

/// The prompt on which R1-Zero was trained, for one question.
///
/// Source: arXiv 2501.12948v1, Table 1. The template sets a full stop after the question, also
/// where the question ends with a mark of its own; that is kept, since a base model was trained on
/// exactly this text. The question is taken as it is, also where it contains tags.
pub fn r1_zero_prompt(question: &str) -> String {
    [BEFORE, question, AFTER].concat()
}

/// What never changes of the prompt: what stands before and after the question.
pub(crate) fn prompt_pieces() -> [&'static str; 2] {
    [BEFORE, AFTER]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_is_the_table_of_the_report_word_for_word() {
        assert_eq!(
            r1_zero_prompt("What is 17 + 25?"),
            "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant first thinks about the reasoning process in the mind and then provides the user with the answer. The reasoning process and answer are enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>. User: What is 17 + 25?. Assistant:"
        );
    }
}
