//! Log-probabilities as clients read them.

use crate::model::ServedModel;
use crate::scheduler::Token;
use serde_json::{Map, Value, json};

/// Of a completion: lists side by side. `offset` counts the characters before these tokens.
pub(super) fn of_completion(model: &ServedModel, tokens: &[Token], offset: &mut usize) -> Value {
    let (mut texts, mut logprobs, mut tops, mut offsets) = (vec![], vec![], vec![], vec![]);
    for token in tokens {
        let text = model.token_text(token.id);
        offsets.push(*offset);
        *offset += text.chars().count();
        texts.push(text);
        logprobs.push(token.logprob);
        let top = token.top.iter().map(|&(id, logprob)| (model.token_text(id), json!(logprob)));
        tops.push(top.collect::<Map<_, _>>());
    }
    json!({
        "tokens": texts,
        "token_logprobs": logprobs,
        "top_logprobs": tops,
        "text_offset": offsets,
    })
}

/// Of a chat: one object a token.
pub(super) fn of_chat(model: &ServedModel, tokens: &[Token]) -> Value {
    let one = |id: u32, logprob: f64| {
        let bytes = model.tokenizer.token_bytes(id, false);
        json!({
            "token": String::from_utf8_lossy(&bytes),
            "logprob": logprob,
            "bytes": bytes,
        })
    };
    let content: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let mut object = one(token.id, f64::from(token.logprob));
            let top = token.top.iter().map(|&(id, logprob)| one(id, logprob));
            object["top_logprobs"] = top.collect();
            object
        })
        .collect();
    json!({"content": content, "refusal": null})
}
