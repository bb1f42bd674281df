//! A conversation cut into what the assistant writes and what it only reads.

use super::{ChatTemplate, Message};
use crate::error::{Result, TextError};
use std::collections::BTreeMap;

/// The role whose turns are learnt.
const ASSISTANT: &str = "assistant";

/// A piece of a rendered conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatSegment {
    /// Its text.
    pub text: String,
    /// Whether the assistant writes it.
    pub assistant: bool,
}

impl ChatTemplate {
    /// The conversation up to its last assistant turn, in pieces that alternate: what the assistant
    /// reads, ending with the generation prompt, then what it writes: its content and what the
    /// template sets after it, such as the end of the turn. Together they are what
    /// [`ChatTemplate::render`] gives. Without an assistant turn there are no pieces.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`], and [`TextError::TurnsChange`] for a template that writes an
    /// earlier turn in another way once others follow it, or that begins the assistant's turn in
    /// another way than its generation prompt.
    pub fn segments(&self, messages: &[Message]) -> Result<Vec<ChatSegment>> {
        self.segments_with(messages, &BTreeMap::new())
    }

    /// As [`segments`](Self::segments), with further variables, as [`ChatTemplate::render_with`] takes
    /// them: `tools`, for example.
    ///
    /// # Errors
    /// As there.
    pub fn segments_with(
        &self,
        messages: &[Message],
        variables: &BTreeMap<String, serde_json::Value>,
    ) -> Result<Vec<ChatSegment>> {
        let mut segments = Vec::new();
        let mut done = String::new();
        for (turn, _) in messages.iter().enumerate().filter(|(_, m)| m.role == ASSISTANT) {
            let prompt = self.render_with(&messages[..turn], true, variables)?;
            let whole = self.render_with(&messages[..=turn], false, variables)?;
            let read = prompt.strip_prefix(&done).ok_or(TextError::TurnsChange { turn })?;
            let written = whole.strip_prefix(&prompt).ok_or(TextError::TurnsChange { turn })?;
            segments.push(ChatSegment { text: read.to_owned(), assistant: false });
            segments.push(ChatSegment { text: written.to_owned(), assistant: true });
            done = whole;
        }
        Ok(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns between marks, with a system turn of its own where none is given (as Qwen2.5's).
    const CHATML: &str = "{% if messages[0].role != 'system' %}<|im_start|>system\nBe helpful.\
        <|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\
        <|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    /// Headers, trimmed contents and a token that begins the text (as Llama 3's).
    const HEADERS: &str = "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}\
        <|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}\
        {% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}";

    fn conversation() -> Vec<Message> {
        vec![
            Message::new("user", "What is 2 + 2?"),
            Message::new("assistant", " 4 "),
            Message::new("user", "And twice that?"),
            Message::new("assistant", "8"),
            Message::new("user", "Thanks."),
        ]
    }

    fn segments(source: &str, messages: &[Message]) -> Result<Vec<(String, bool)>> {
        let template = ChatTemplate::new(source, Some("<|begin_of_text|>"), None)?;
        let segments = template.segments(messages)?;
        let whole: String = segments.iter().map(|s| s.text.as_str()).collect();
        let last = messages.iter().rposition(|m| m.role == ASSISTANT).map_or(0, |i| i + 1);
        if last > 0 {
            assert_eq!(whole, template.render(&messages[..last], false)?, "nothing is lost");
        }
        Ok(segments.into_iter().map(|s| (s.text, s.assistant)).collect())
    }

    #[test]
    fn the_end_of_a_turn_is_the_assistants_and_the_generation_prompt_is_not() {
        let expected = [
            (
                "<|im_start|>system\nBe helpful.<|im_end|>\n<|im_start|>user\nWhat is 2 + 2?\
                 <|im_end|>\n<|im_start|>assistant\n",
                false,
            ),
            (" 4 <|im_end|>\n", true),
            ("<|im_start|>user\nAnd twice that?<|im_end|>\n<|im_start|>assistant\n", false),
            ("8<|im_end|>\n", true),
        ];
        let expected = expected.map(|(text, assistant)| (text.to_owned(), assistant));
        assert_eq!(segments(CHATML, &conversation()).unwrap(), expected);
    }

    #[test]
    fn headers_and_trimmed_contents_are_cut_alike() {
        let expected = [
            (
                "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2 + 2?\
                 <|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
                false,
            ),
            ("4<|eot_id|>", true),
            (
                "<|start_header_id|>user<|end_header_id|>\n\nAnd twice that?<|eot_id|>\
                 <|start_header_id|>assistant<|end_header_id|>\n\n",
                false,
            ),
            ("8<|eot_id|>", true),
        ];
        let expected = expected.map(|(text, assistant)| (text.to_owned(), assistant));
        assert_eq!(segments(HEADERS, &conversation()).unwrap(), expected);
    }

    #[test]
    fn tools_stand_in_what_the_assistant_reads() {
        let source =
            format!("{{% if tools %}}[tools] {{{{ tools[0].name }}}}\n{{% endif %}}{CHATML}");
        let template = ChatTemplate::new(source.as_str(), None, None).unwrap();
        let tools = BTreeMap::from([("tools".to_owned(), serde_json::json!([{"name": "add"}]))]);
        let segments = template.segments_with(&conversation(), &tools).unwrap();
        assert!(segments[0].text.starts_with("[tools] add\n<|im_start|>system"), "{segments:?}");
        assert_eq!(segments[1..], template.segments(&conversation()).unwrap()[1..]);
    }

    #[test]
    fn nothing_is_cut_where_the_assistant_says_nothing() {
        assert!(segments(CHATML, &conversation()[..1]).unwrap().is_empty());
    }

    #[test]
    fn a_template_that_rewrites_earlier_turns_is_named_with_the_turn() {
        // Thoughts of all but the last turn go, as in templates of reasoning models.
        let source = "{% for m in messages %}[{{ m.role }}]{% if loop.last %}{{ m.content }}\
            {% else %}{{ m.content.split('</think>')[-1] }}{% endif %}{% endfor %}\
            {% if add_generation_prompt %}[assistant]{% endif %}";
        let thoughts = |answer: &str| Message::new("assistant", format!("t</think>{answer}"));
        let messages =
            [Message::new("user", "a"), thoughts("b"), Message::new("user", "c"), thoughts("d")];
        let error = segments(source, &messages).unwrap_err();
        assert!(matches!(error, TextError::TurnsChange { turn: 3 }), "{error}");
        assert!(segments(source, &messages[..2]).is_ok(), "one turn has nothing before it");
    }
}
