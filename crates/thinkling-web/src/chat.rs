//! Chunks as OpenAI's API streams them, with thinking in `reasoning_content` as DeepSeek's has it.

use crate::generate::Token;
use serde_json::{Value, json};
use thinkling_sampling::Finish;
use thinkling_text::PartKind;

/// Turns the tokens of one answer into chunks.
#[derive(Debug)]
pub struct ChunkWriter {
    id: String,
    created: u64,
    model: String,
    begun: bool,
}

impl ChunkWriter {
    /// An answer of `model`, begun at `created` (seconds since 1970).
    pub fn new(id: String, created: u64, model: String) -> Self {
        Self { id, created, model, begun: false }
    }

    /// The chunk of a token.
    pub fn chunk(&mut self, token: &Token) -> Value {
        let mut delta = json!({});
        if !std::mem::replace(&mut self.begun, true) {
            delta["role"] = json!("assistant");
        }
        for (key, kind) in
            [("reasoning_content", PartKind::Reasoning), ("content", PartKind::Content)]
        {
            let parts = token.parts.iter().filter(|part| part.kind == kind);
            let text: String = parts.map(|part| part.text.as_str()).collect();
            if !text.is_empty() {
                delta[key] = json!(text);
            }
        }
        let finish = token.finish.map(|finish| match finish {
            Finish::Stop => "stop",
            Finish::Length => "length",
        });
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "delta": delta,
                "logprobs": { "content": [{ "token": token.text, "logprob": token.logprob }] },
                "finish_reason": finish,
            }],
        });
        if let Some(meter) = &token.meter {
            chunk["meter"] = json!(meter);
        }
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinkling_text::Part;

    fn token(parts: &[(PartKind, &str)], finish: Option<Finish>) -> Token {
        let part = |&(kind, text): &(PartKind, &str)| Part { kind, text: text.to_owned() };
        let parts = parts.iter().map(part).collect();
        Token { completion: 0, id: 1, logprob: -0.5, text: "x".into(), parts, finish, meter: None }
    }

    #[test]
    fn thinking_and_answer_are_apart_and_the_role_comes_once() {
        let mut writer = ChunkWriter::new("a".into(), 7, "m".into());
        let both =
            [(PartKind::Reasoning, "so"), (PartKind::Content, "4"), (PartKind::Content, "2")];
        let first = writer.chunk(&token(&both, None));
        let delta = json!({ "role": "assistant", "reasoning_content": "so", "content": "42" });
        assert_eq!(first["choices"][0]["delta"], delta);
        assert_eq!(first["choices"][0]["finish_reason"], Value::Null);
        let last = writer.chunk(&token(&[], Some(Finish::Stop)));
        assert_eq!(last["choices"][0]["delta"], json!({}));
        assert_eq!(last["choices"][0]["finish_reason"], "stop");
        assert_eq!(
            (&last["object"], &last["model"]),
            (&json!("chat.completion.chunk"), &json!("m"))
        );
    }
}
