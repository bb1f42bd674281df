//! Text in a browser: the ids and prompts that the native program has.
#![cfg(target_family = "wasm")]

use thinkling_text::{ChatTemplate, Message, Segment, ThinkSplitter, Tokenizer, r1_zero_prompt};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const TOKENIZER: &[u8] = include_bytes!("../../../recipes/mini-world-base/tokenizer.json");

#[wasm_bindgen_test]
fn a_prompt_has_the_native_ids() {
    let tokenizer = Tokenizer::from_json(TOKENIZER).expect("a tokenizer");
    let ids = tokenizer.encode(&r1_zero_prompt("What is 3 + 4")).expect("ids");
    // As `thinkling generate --json` prints them.
    assert_eq!(ids, [7, 45, 54, 17, 9, 10, 9, 18, 8]);
    let text = "<think>3+4=7</think><answer>7</answer>";
    let ids = tokenizer.encode(text).expect("ids");
    let mut stream = tokenizer.stream(false);
    let streamed: String = ids.iter().map(|&id| stream.push(id)).collect();
    assert_eq!(streamed + &stream.finish(), text);
}

#[wasm_bindgen_test]
fn templates_render_and_thinking_is_told_apart() {
    let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}\
                  {% if add_generation_prompt %}[assistant]<think>{% endif %}";
    let template = ChatTemplate::new(source, None, None).expect("a template");
    let prompt = template.render(&[Message::new("user", "1+1?")], true).expect("a prompt");
    assert_eq!(prompt, "[user]1+1?[assistant]<think>");
    let mut splitter = ThinkSplitter::new().bare_answers().starts_in_think();
    let mut segments = splitter.push("one and one</thi");
    segments.extend(splitter.push("nk>2"));
    segments.extend(splitter.finish());
    let expected = [Segment::Think("one and one".into()), Segment::Answer("2".into())];
    assert_eq!(segments, expected);
}
