//! What was said so far.

use serde_json::{Value, json};
use thinkling_text::Message;

/// A model's thinking before an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thought {
    pub(super) seconds: f64,
    pub(super) tokens: usize,
}

impl Thought {
    /// As the line that stands for it.
    pub(super) fn words(&self) -> String {
        let s = if self.tokens == 1 { "" } else { "s" };
        format!("thought for {:.1} s, {} token{s}", self.seconds, self.tokens)
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The model ended it.
    Stop,
    /// It had as many tokens as it may have.
    Length,
    /// The person stopped it.
    Abort,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Abort => "abort",
        }
    }
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) question: String,
    pub(super) reasoning: String,
    pub(super) content: String,
    pub(super) tokens: usize,
    /// Tokens of its prompt, and those of them that were kept from the turns before.
    pub(super) prompt_tokens: usize,
    pub(super) kept_tokens: usize,
    pub(super) end: End,
}

/// A conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    pub(super) system: Option<String>,
    pub(super) turns: Vec<Turn>,
    /// The oldest turns that the model is not told any more.
    pub(super) left_out: usize,
}

impl History {
    /// Forgets the turns.
    pub(super) fn reset(&mut self) {
        self.turns.clear();
        self.left_out = 0;
    }

    /// What the model is told before it answers `question`: answers without their thinking, as chat
    /// templates of reasoning models have it.
    pub(super) fn messages(&self, question: &str) -> Vec<Message> {
        let turns = self.turns[self.left_out.min(self.turns.len())..].iter();
        let said = turns.flat_map(|turn| {
            [Message::new("user", &*turn.question), Message::new("assistant", &*turn.content)]
        });
        said.chain([Message::new("user", question)]).collect()
    }

    /// All of it, thinking apart, for a file.
    pub(super) fn to_json(&self, model: &str) -> Value {
        let mut messages: Vec<Value> = Vec::new();
        messages.extend(self.system.iter().map(|s| json!({"role": "system", "content": s})));
        for turn in &self.turns {
            messages.push(json!({"role": "user", "content": turn.question}));
            let mut answer = json!({"role": "assistant"});
            if !turn.reasoning.is_empty() {
                answer["reasoning_content"] = json!(turn.reasoning);
            }
            answer["content"] = json!(turn.content);
            answer["tokens"] = json!(turn.tokens);
            answer["prompt_tokens"] = json!(turn.prompt_tokens);
            answer["kept_tokens"] = json!(turn.kept_tokens);
            answer["finish_reason"] = json!(turn.end.name());
            messages.push(answer);
        }
        json!({"model": model, "messages": messages})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let turn = |question: &str, reasoning: &str, end| Turn {
            question: question.to_owned(),
            reasoning: reasoning.to_owned(),
            content: format!("{question}!"),
            tokens: 7,
            prompt_tokens: 9,
            kept_tokens: 3,
            end,
        };
        let turns = vec![turn("a", "so", End::Stop), turn("b", "", End::Abort)];
        History { system: Some("be brief".to_owned()), turns, left_out: 0 }
    }

    #[test]
    fn the_model_is_told_answers_without_thinking_and_not_what_was_left_out() {
        let mut history = history();
        let told = |history: &History| -> Vec<String> {
            let messages = history.messages("c");
            messages.iter().map(|m| format!("{}:{}", m.role, m.content)).collect()
        };
        assert_eq!(told(&history), ["user:a", "assistant:a!", "user:b", "assistant:b!", "user:c"]);
        history.left_out = 1;
        assert_eq!(told(&history), ["user:b", "assistant:b!", "user:c"]);
        history.reset();
        assert_eq!(told(&history), ["user:c"]);
        assert_eq!(history.system.as_deref(), Some("be brief"));
    }

    #[test]
    fn a_file_has_the_thinking_apart() {
        let file = history().to_json("m");
        assert_eq!(file["model"], "m");
        let messages = file["messages"].as_array().expect("messages");
        assert_eq!(messages.len(), 5);
        assert_eq!(messages[0], json!({"role": "system", "content": "be brief"}));
        let answer = json!({"role": "assistant", "reasoning_content": "so", "content": "a!",
            "tokens": 7, "prompt_tokens": 9, "kept_tokens": 3, "finish_reason": "stop"});
        assert_eq!(messages[2], answer);
        assert_eq!(messages[4]["reasoning_content"], Value::Null);
        assert_eq!(messages[4]["finish_reason"], "abort");
    }

    #[test]
    fn a_thought_has_one_line() {
        let words = |seconds, tokens| Thought { seconds, tokens }.words();
        assert_eq!(words(2.14, 143), "thought for 2.1 s, 143 tokens");
        assert_eq!(words(0.0, 1), "thought for 0.0 s, 1 token");
    }
}
