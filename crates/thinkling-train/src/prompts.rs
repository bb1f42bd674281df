//! What stands around a question.

use crate::error::{Result, TrainError};
use crate::model_io::{LoadedModel, StoredModel, required};
use crate::recipe::Template;
use thinkling_text::{ChatTemplate, Message, Tokenizer, r1_zero_prompt};

/// Makes prompts of questions.
#[derive(Clone, Copy, Debug)]
pub struct Prompts<'a> {
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The model's chat template, where it has one.
    pub chat: Option<&'a ChatTemplate>,
    /// What stands around a question.
    pub template: Template,
    /// The system message of the chat template.
    pub system: Option<&'a str>,
}

impl<'a> Prompts<'a> {
    /// For a model, without a system message.
    ///
    /// # Errors
    /// Where the model has no tokenizer.
    pub fn of(model: &'a LoadedModel, template: Template) -> Result<Self> {
        let (tokenizer, chat) = (model.tokenizer()?, model.chat.as_ref());
        Ok(Self { tokenizer, chat, template, system: None })
    }

    /// For a model that is not loaded, without a system message.
    ///
    /// # Errors
    /// Where the model has no tokenizer.
    pub fn of_stored(model: &'a StoredModel, template: Template) -> Result<Self> {
        let tokenizer = required(model.tokenizer.as_ref(), &model.path)?;
        Ok(Self { tokenizer, chat: model.chat.as_ref(), template, system: None })
    }

    /// The prompt of a question as text.
    ///
    /// # Errors
    /// A chat template that the model does not have or that fails, a system message without one.
    pub fn text(&self, question: &str) -> Result<String> {
        self.text_of(&[Message::new("user", question)])
    }

    /// The prompt of a conversation as text; a template other than `chat` takes one message of `user`.
    ///
    /// # Errors
    /// As [`text`](Self::text), and a conversation that the template cannot take.
    pub fn text_of(&self, messages: &[Message]) -> Result<String> {
        if self.template == Template::Chat {
            let system = self.system.map(|text| Message::new("system", text));
            let messages: Vec<Message> =
                system.into_iter().chain(messages.iter().cloned()).collect();
            let chat = self.chat.ok_or(TrainError::NoChatTemplate)?;
            return chat.render(&messages, true).map_err(|e| TrainError::Failed {
                what: "the chat template",
                reason: e.to_string(),
            });
        }
        if self.system.is_some() {
            return Err(TrainError::SystemWithoutChat);
        }
        match messages {
            [Message { role, content, .. }] if role == "user" => Ok(match self.template {
                Template::R1Zero => r1_zero_prompt(content),
                _ => content.clone(),
            }),
            _ => Err(TrainError::Failed {
                what: "making a prompt",
                reason: format!(
                    "conversation for the template `{}`, expected: one message of `user`, got: {}",
                    self.template,
                    messages.iter().map(|m| m.role.as_str()).collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }

    /// The prompt of a question as ids.
    ///
    /// # Errors
    /// As [`text`](Self::text), and text that the tokenizer cannot take.
    pub fn ids(&self, question: &str) -> Result<Vec<u32>> {
        self.ids_of(&[Message::new("user", question)])
    }

    /// The prompt of a conversation as ids.
    ///
    /// # Errors
    /// As [`text_of`](Self::text_of), and text that the tokenizer cannot take.
    pub fn ids_of(&self, messages: &[Message]) -> Result<Vec<u32>> {
        self.encode(&self.text_of(messages)?)
    }

    /// The ids of a question behind worked examples, each a question and a reply: as turns of the chat
    /// template, else as texts one after the other with `separator` between them.
    ///
    /// # Errors
    /// As [`ids`](Self::ids).
    pub fn few_shot_ids(
        &self,
        examples: &[(&str, &str)],
        separator: &str,
        question: &str,
    ) -> Result<Vec<u32>> {
        self.encode(&self.few_shot_text(examples, separator, question)?)
    }

    fn few_shot_text(
        &self,
        examples: &[(&str, &str)],
        separator: &str,
        question: &str,
    ) -> Result<String> {
        if self.template == Template::Chat {
            let turns = examples.iter().flat_map(|(question, reply)| {
                [Message::new("user", *question), Message::new("assistant", *reply)]
            });
            let turns = turns.chain([Message::new("user", question)]);
            return self.text_of(&turns.collect::<Vec<_>>());
        }
        let mut text = String::new();
        for (question, reply) in examples {
            text += &self.text(question)?;
            // The template ends without a space: the model writes the first one.
            if self.template == Template::R1Zero && !reply.starts_with(char::is_whitespace) {
                text.push(' ');
            }
            text += reply;
            text += separator;
        }
        Ok(text + &self.text(question)?)
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.tokenizer
            .encode(text)
            .map_err(|e| TrainError::Failed { what: "the tokenizer", reason: e.to_string() })
    }

    /// Whether the prompt opens the thinking, as some chat templates do.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn open_thinking(&self) -> Result<bool> {
        Ok(!self.opening()?.is_empty())
    }

    /// What a completion goes on from: `<think>` and what follows it at the end of the prompt, else
    /// nothing.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub(crate) fn opening(&self) -> Result<String> {
        const THINK: &str = "<think>";
        let prompt = self.text("?")?;
        let at = prompt.trim_end().strip_suffix(THINK).map(str::len);
        Ok(at.map_or_else(String::new, |at| prompt[at..].to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}\
                        {% if add_generation_prompt %}[assistant]<think>\n{% endif %}";

    fn with<T>(
        template: Template,
        system: Option<&str>,
        chat: Option<&ChatTemplate>,
        f: impl Fn(Prompts<'_>) -> T,
    ) -> T {
        let json = thinkling_learn::world::tokenizer_json().to_string();
        let tokenizer = Tokenizer::from_json(json.as_bytes()).expect("a tokenizer");
        f(Prompts { tokenizer: &tokenizer, chat, template, system })
    }

    #[test]
    fn each_template_has_its_own_text() {
        let chat = ChatTemplate::new(CHAT, None, None).expect("a template");
        let text = |template, system| {
            with(template, system, Some(&chat), |p| (p.text("1+1?").ok(), p.open_thinking().ok()))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(text(Template::None, None), (some("1+1?"), Some(false)));
        let r1_zero = Some(r1_zero_prompt("1+1?"));
        assert_eq!(text(Template::R1Zero, None), (r1_zero, Some(false)));
        let asked = some("[user]1+1?[assistant]<think>\n");
        assert_eq!(text(Template::Chat, None), (asked, Some(true)));
        let told = some("[system]be brief[user]1+1?[assistant]<think>\n");
        assert_eq!(text(Template::Chat, Some("be brief")), (told, Some(true)));
    }

    #[test]
    fn what_the_model_or_the_template_lacks_is_the_callers_mistake() {
        let code = |template, system| {
            with(template, system, None, |p| p.ids("1+1?").expect_err("refused").exit_code())
        };
        assert_eq!(code(Template::Chat, None), 2);
        assert_eq!(code(Template::R1Zero, Some("be brief")), 2);
    }
}
