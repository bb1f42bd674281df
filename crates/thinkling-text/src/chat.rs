//! A model's own chat template.
//!
//! Rendered as transformers renders it: blocks are trimmed and stripped, strings have Python's
//! methods, `tojson` writes Python's spacing, `raise_exception` refuses messages. A template comes
//! with a downloaded model, so the work it may do is bounded.

mod functions;
mod segments;

use std::collections::BTreeMap;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

pub use functions::Date;
pub use segments::ChatSegment;

use crate::error::{Result, TextError};
use crate::tokenizer::GgufVocabulary;
use functions::template_error;

/// Instructions a template may execute: some ten thousand turns, and well below a second.
const FUEL: u64 = 2_000_000;
/// The name under which the engine knows the source.
const NAME: &str = "chat_template";

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenMessage")]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, or what else the template knows.
    pub role: String,
    /// What is said; empty in a turn that only calls tools.
    pub content: String,
    /// What else the template may look at, such as `tool_calls`, `tool_call_id`, `name` and
    /// `reasoning_content`.
    pub more: serde_json::Map<String, serde_json::Value>,
    /// Whether there is no content, as OpenAI's protocol has it beside tool calls: templates ask.
    without_content: bool,
}

const TOOL_CALLS: &str = "tool_calls";

impl Message {
    /// A turn of `role` with this content.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        let (role, content) = (role.into(), content.into());
        Self { role, content, more: serde_json::Map::new(), without_content: false }
    }
}

/// A message as it stands in files and requests.
#[derive(Deserialize)]
struct WrittenMessage {
    role: String,
    content: Option<String>,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

impl TryFrom<WrittenMessage> for Message {
    type Error = &'static str;

    fn try_from(written: WrittenMessage) -> std::result::Result<Self, Self::Error> {
        let WrittenMessage { role, content, mut more } = written;
        // A table has all columns in every row.
        more.retain(|_, value| !value.is_null());
        match content {
            None if !more.contains_key(TOOL_CALLS) => {
                Err("a message without content (only one with tool_calls may have none)")
            }
            content => {
                let without_content = content.is_none();
                Ok(Self { role, content: content.unwrap_or_default(), more, without_content })
            }
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.more.len() + 2))?;
        map.serialize_entry("role", &self.role)?;
        map.serialize_entry("content", &(!self.without_content).then_some(&self.content))?;
        for (key, value) in &self.more {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// A compiled-on-use chat template with the special tokens it may write.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos_token: Option<String>,
    eos_token: Option<String>,
}

impl ChatTemplate {
    /// A template from its Jinja source. Tokens that the model does not have are left out.
    ///
    /// # Errors
    /// [`TextError::Template`] with the line where the source does not parse.
    pub fn new(
        source: impl Into<String>,
        bos_token: Option<&str>,
        eos_token: Option<&str>,
    ) -> Result<Self> {
        let template = Self {
            environment: environment(),
            source: source.into(),
            bos_token: bos_token.map(str::to_owned),
            eos_token: eos_token.map(str::to_owned),
        };
        template
            .environment
            .template_from_named_str(NAME, &template.source)
            .map_err(template_error)?;
        Ok(template)
    }

    /// The template of a `tokenizer_config.json`. Where that has several, `name` chooses, and
    /// without a name the one called `default` is taken.
    ///
    /// # Errors
    /// [`TextError::BadTokenizerConfig`], [`TextError::NoChatTemplate`] and
    /// [`TextError::Template`].
    pub fn from_tokenizer_config(json: &[u8], name: Option<&str>) -> Result<Self> {
        let config: TokenizerConfig = serde_json::from_slice(json)
            .map_err(|e| TextError::BadTokenizerConfig { reason: e.to_string() })?;
        let wanted = name.unwrap_or("default");
        let missing = |available: String| TextError::NoChatTemplate {
            wanted: wanted.to_owned(),
            available,
            context: "tokenizer_config.json",
        };
        let source = match config.chat_template {
            None => return Err(missing("none".to_owned())),
            Some(Templates::One(source)) => source,
            Some(Templates::Named(templates)) => {
                let names: Vec<&str> = templates.iter().map(|t| t.name.as_str()).collect();
                let available = names.join(", ");
                let found = templates.into_iter().find(|t| t.name == wanted);
                found.ok_or_else(|| missing(available))?.template
            }
        };
        let SpecialTokens { bos_token, eos_token } = config.tokens;
        let [bos, eos] = [bos_token, eos_token].map(|token| token.map(SpecialToken::into_content));
        Self::new(source, bos.as_deref(), eos.as_deref())
    }

    /// The template of a `chat_template.jinja`, with the special tokens of the `tokenizer_config.json`
    /// beside it, where there is one.
    ///
    /// # Errors
    /// [`TextError::Template`] and [`TextError::BadTokenizerConfig`].
    pub fn from_file(source: &[u8], tokenizer_config: Option<&[u8]>) -> Result<Self> {
        let source = String::from_utf8_lossy(source);
        let (bos, eos) = match tokenizer_config {
            None => (None, None),
            Some(json) => {
                let config: SpecialTokens = serde_json::from_slice(json)
                    .map_err(|e| TextError::BadTokenizerConfig { reason: e.to_string() })?;
                (config.bos_token, config.eos_token)
            }
        };
        let [bos, eos] = [bos, eos].map(|token| token.map(SpecialToken::into_content));
        Self::new(source, bos.as_deref(), eos.as_deref())
    }

    /// The template of a GGUF.
    ///
    /// # Errors
    /// [`TextError::NoChatTemplate`] and [`TextError::Template`].
    pub fn from_gguf(vocabulary: &GgufVocabulary) -> Result<Self> {
        let source = vocabulary.chat_template.as_ref().ok_or(TextError::NoChatTemplate {
            wanted: "default".to_owned(),
            available: "none".to_owned(),
            context: "tokenizer.chat_template of the gguf",
        })?;
        let (bos, eos) = (vocabulary.token(vocabulary.bos), vocabulary.token(vocabulary.eos));
        Self::new(source.as_str(), bos, eos)
    }

    /// Lets the template use `strftime_now`, always with this date. Without a date the function is
    /// not defined and templates take the date they were written with: the same messages then give
    /// the same prompt on every day.
    #[must_use]
    pub fn with_date(mut self, date: Date) -> Self {
        functions::add_date(&mut self.environment, date);
        self
    }

    /// The token that begins a sequence, where the template may write it.
    pub fn bos_token(&self) -> Option<&str> {
        self.bos_token.as_deref()
    }

    /// The token that ends a sequence, where the template may write it.
    pub fn eos_token(&self) -> Option<&str> {
        self.eos_token.as_deref()
    }

    /// The Jinja source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prompt for these messages. `add_generation_prompt` opens the assistant's turn.
    ///
    /// # Errors
    /// [`TextError::TemplateRefused`] where the template does not accept the messages,
    /// [`TextError::Template`] where it fails, both with the line.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        self.render_with(messages, add_generation_prompt, &BTreeMap::new())
    }

    /// As [`ChatTemplate::render`], with further variables, such as Qwen 3's `enable_thinking`.
    /// They win over those of the same name.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_with(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
        variables: &BTreeMap<String, serde_json::Value>,
    ) -> Result<String> {
        let mut context: BTreeMap<&str, Value> = BTreeMap::from([
            ("messages", Value::from_serialize(messages)),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            // Defined and none, as transformers passes them where there are no tools.
            ("tools", Value::from(())),
            ("documents", Value::from(())),
        ]);
        let tokens = [("bos_token", &self.bos_token), ("eos_token", &self.eos_token)];
        for (name, token) in tokens {
            if let Some(token) = token {
                context.insert(name, Value::from(token.as_str()));
            }
        }
        for (name, value) in variables {
            context.insert(name, Value::from_serialize(value));
        }
        self.environment
            .template_from_named_str(NAME, &self.source)
            .and_then(|template| template.render(context))
            .map_err(template_error)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_fuel(Some(FUEL));
    functions::add(&mut environment);
    environment
}

#[derive(Deserialize)]
struct TokenizerConfig {
    chat_template: Option<Templates>,
    #[serde(flatten)]
    tokens: SpecialTokens,
}

#[derive(Deserialize)]
struct SpecialTokens {
    bos_token: Option<SpecialToken>,
    eos_token: Option<SpecialToken>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<NamedTemplate>),
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    template: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SpecialToken {
    Plain(String),
    Described { content: String },
}

impl SpecialToken {
    fn into_content(self) -> String {
        match self {
            Self::Plain(content) | Self::Described { content } => content,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(source: &str) -> Result<String> {
        let messages = [Message::new("user", "  Hi\n"), Message::new("assistant", "Yo")];
        ChatTemplate::new(source, Some("<s>"), None)?.render(&messages, true)
    }

    #[test]
    fn turns_special_tokens_and_the_opened_turn_are_written() {
        let source = "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m.content | trim }}\
                      {{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
        assert_eq!(render(source).unwrap(), "<s>[user]Hi[assistant]Yo[assistant]");
    }

    #[test]
    fn block_lines_leave_no_blank_lines() {
        let source = "{% for m in messages %}\n    {% if true %}\n{{ m.role }}\n    {% endif %}\n{% endfor %}\n";
        assert_eq!(render(source).unwrap(), "user\nassistant\n");
    }

    #[test]
    fn pythons_string_methods_and_slices_work() {
        let source = "{% set c = 'x<think>\\nr\\n</think>\\n\\na' %}\
            {{ c.split('</think>')[-1].lstrip('\\n') }}|\
            {{ c.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}|\
            {{ messages[::-1][0].role.upper() }}|{{ messages[0].content.strip() }}|\
            {{ messages[1].content.startswith('Y') }}|{{ messages[1].get('name', 'nobody') }}";
        assert_eq!(render(source).unwrap(), "a|r|ASSISTANT|Hi|True|nobody");
    }

    #[test]
    fn nothing_is_escaped() {
        assert_eq!(render("{{ '<a> & \"b\"' }}").unwrap(), "<a> & \"b\"");
    }

    #[test]
    fn a_message_keeps_what_else_it_has_and_one_that_only_calls_tools_has_no_content() {
        let read = |json: serde_json::Value| serde_json::from_value::<Message>(json);
        let call = json!({"role": "assistant", "content": null, "tool_calls": [{"b": 1, "a": 2}]});
        let message = read(call.clone()).unwrap();
        assert_eq!(message.content, "");
        assert_eq!(serde_json::to_value(&message).unwrap(), call);
        let source = "{{ messages[0].content is none }} {{ messages[0].tool_calls[0] | tojson }}";
        let template = ChatTemplate::new(source, None, None).unwrap();
        assert_eq!(template.render(&[message], false).unwrap(), r#"True {"b": 1, "a": 2}"#);
        assert_eq!(
            read(json!({"role": "user", "content": "a"})).unwrap(),
            Message::new("user", "a")
        );
        let empty = json!({"role": "assistant", "content": "", "tool_calls": []});
        let message = read(empty.clone()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), empty);
        let row = json!({"role": "user", "content": "a", "tool_calls": null});
        assert_eq!(read(row).unwrap(), Message::new("user", "a"));
        assert!(read(json!({"role": "user"})).is_err());
        assert!(read(json!({"role": "user", "content": null})).is_err());
    }

    #[test]
    fn tools_are_defined_and_none_and_absent_tokens_are_undefined() {
        let source = "{{ tools is defined and tools is none }} {{ eos_token is defined }} \
                      {{ strftime_now is defined }}";
        assert_eq!(render(source).unwrap(), "True False False");
    }

    #[test]
    fn a_template_may_refuse_with_its_own_words_and_the_line() {
        let source = "{% if true %}\n\n{{ raise_exception('roles must alternate') }}{% endif %}";
        match render(source).unwrap_err() {
            TextError::TemplateRefused { line, message } => {
                assert_eq!((line, message.as_str()), (3, "roles must alternate"));
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_template_that_does_not_parse_is_an_error_with_the_line() {
        match ChatTemplate::new("a\n{% for %}", None, None).unwrap_err() {
            TextError::Template { line, .. } => assert_eq!(line, 2),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let source = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}\
                      {% endfor %}{% endfor %}{% endfor %}";
        assert!(matches!(render(source).unwrap_err(), TextError::Template { .. }));
    }

    #[test]
    fn further_variables_reach_the_template() {
        let source =
            "{% if enable_thinking is defined and enable_thinking is false %}off{% endif %}";
        let template = ChatTemplate::new(source, None, None).unwrap();
        let variables = BTreeMap::from([("enable_thinking".to_owned(), json!(false))]);
        assert_eq!(template.render_with(&[], true, &variables).unwrap(), "off");
        assert_eq!(template.render(&[], true).unwrap(), "");
    }

    #[test]
    fn tools_keep_the_order_of_their_keys() {
        let source = "{% for tool in tools %}{{ tool | tojson }}{% endfor %}";
        let template = ChatTemplate::new(source, None, None).unwrap();
        let tools = r#"{"type": "function", "function": {"name": "a", "description": "b < c"}}"#;
        let tool: serde_json::Value = serde_json::from_str(tools).unwrap();
        let variables = BTreeMap::from([("tools".to_owned(), json!([tool]))]);
        assert_eq!(template.render_with(&[], true, &variables).unwrap(), tools);
    }

    #[test]
    fn a_config_with_one_template_and_described_tokens_is_read() {
        let config = json!({
            "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}",
            "bos_token": {"content": "<b>", "lstrip": false},
            "eos_token": "<e>",
            "model_max_length": 1e30,
        });
        let template =
            ChatTemplate::from_tokenizer_config(config.to_string().as_bytes(), None).unwrap();
        assert_eq!(template.render(&[Message::new("user", "x")], false).unwrap(), "<b>x<e>");
    }

    #[test]
    fn a_config_with_several_templates_gives_the_named_or_the_default_one() {
        let config = json!({"chat_template": [
            {"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})
        .to_string();
        let source = |name| {
            ChatTemplate::from_tokenizer_config(config.as_bytes(), name)
                .map(|template| template.source().to_owned())
        };
        assert_eq!(source(None).unwrap(), "d");
        assert_eq!(source(Some("tool_use")).unwrap(), "t");
        let message = source(Some("rag")).unwrap_err().to_string();
        assert!(message.contains("rag") && message.contains("tool_use, default"), "{message}");
    }

    #[test]
    fn a_template_in_a_file_of_its_own_takes_the_tokens_of_the_config() {
        let source = b"{{ bos_token }}{{ messages[0].content }}";
        let said = |config| {
            let template = ChatTemplate::from_file(source, config).unwrap();
            template.render(&[Message::new("user", "x")], false).unwrap()
        };
        assert_eq!(said(Some(br#"{"bos_token": "<b>", "chat_template": "other"}"#)), "<b>x");
        assert_eq!(said(None), "x");
        let error = ChatTemplate::from_file(source, Some(b"{")).unwrap_err();
        assert!(matches!(error, TextError::BadTokenizerConfig { .. }));
    }

    #[test]
    fn a_config_without_a_template_says_so() {
        let error = ChatTemplate::from_tokenizer_config(b"{}", None).unwrap_err();
        assert!(matches!(error, TextError::NoChatTemplate { .. }));
        let error = ChatTemplate::from_tokenizer_config(b"{\"a\":", None).unwrap_err();
        assert!(matches!(error, TextError::BadTokenizerConfig { .. }));
    }
}
