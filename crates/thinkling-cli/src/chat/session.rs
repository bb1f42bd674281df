//! The model's side of a conversation.

use super::command::{Command, HELP};
use super::history::{End, History, Thought, Turn};
use crate::failure::Failure;
use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use thinkling_engine::EngineError;
use thinkling_sampling::generate::GenerateRequest;
use thinkling_sampling::{Finish, SamplingParams, StopRules};
use thinkling_text::{Part, PartKind, TextStream};
use thinkling_train::atomic;
use thinkling_train::executor::{ExecuteError, Generator};
use thinkling_train::model_io::StoredModel;
use thinkling_train::prompts::Prompts;
use thinkling_train::recipe::Template;

/// Where an answer goes while it comes.
pub(super) trait Show {
    /// Thinking goes on.
    fn thinking(&mut self, text: &str) -> io::Result<()>;
    /// Thinking is over.
    fn thought(&mut self, thought: &Thought) -> io::Result<()>;
    /// The answer goes on.
    fn answer(&mut self, text: &str) -> io::Result<()>;
    /// The answer is over.
    fn end(&mut self) -> io::Result<()>;
    /// Something beside the answer that the person should know.
    fn note(&mut self, text: &str) -> io::Result<()>;
}

/// How a conversation is held.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) template: Template,
    pub(crate) system: Option<String>,
    pub(crate) sampling: SamplingParams,
    pub(crate) seed: u64,
    /// Tokens of an answer at most, where that is limited.
    pub(crate) max_tokens: Option<usize>,
    /// Tokens of all that the model sees.
    pub(crate) context: usize,
    /// What the model is called.
    pub(crate) name: String,
}

/// A conversation with a model.
pub(crate) struct Session<'a> {
    pub(super) settings: Settings,
    prompts: Prompts<'a>,
    stop_ids: Vec<u32>,
    generator: Generator,
    stop: Arc<AtomicBool>,
    history: History,
    /// Answers so far, of all conversations: each has a random stream of its own.
    answers: u64,
    /// Files that this session has written.
    saved: BTreeSet<PathBuf>,
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// This is to be told.
    Told(String),
    Quit,
}

impl<'a> Session<'a> {
    /// Begins one. What raises `stop` ends the answer at hand.
    ///
    /// # Errors
    /// A model without tokenizer or without the template.
    pub(crate) fn new(
        model: &'a StoredModel,
        generator: Generator,
        stop: Arc<AtomicBool>,
        settings: Settings,
    ) -> Result<Self, Failure> {
        let prompts = Prompts::of_stored(model, settings.template)?;
        let history = History { system: settings.system.clone(), ..History::default() };
        let stop_ids = model.checkpoint.config().eos_token_ids.clone();
        let generator = generator.stopping_when(stop.clone());
        let (answers, saved) = (0, BTreeSet::new());
        let session =
            Self { settings, prompts, stop_ids, generator, stop, history, answers, saved };
        // What is wrong with the template is told before anything is typed.
        session.prompt("?")?;
        Ok(session)
    }

    /// What `raise`s to stop an answer.
    pub(super) fn stopper(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    fn is_chat(&self) -> bool {
        self.settings.template == Template::Chat
    }

    /// The prompt that ends with `question`, as text.
    fn prompt(&self, question: &str) -> Result<String, Failure> {
        let prompts = Prompts { system: self.history.system.as_deref(), ..self.prompts };
        match self.is_chat() {
            true => Ok(prompts.text_of(&self.history.messages(question))?),
            false => Ok(prompts.text(question)?),
        }
    }

    /// The prompt as ids and whether its end opens a block of thinking. Where it is too long, the
    /// oldest turns are left out.
    fn fitting(
        &mut self,
        question: &str,
        show: &mut dyn Show,
    ) -> Result<(Vec<u32>, bool), Failure> {
        let context = self.settings.context;
        let room = self.settings.max_tokens.unwrap_or(context / 4).min(context / 2);
        let before = self.history.left_out;
        loop {
            let text = self.prompt(question)?;
            let ids = self.prompts.tokenizer.encode(&text);
            let ids = ids.map_err(|e| Failure::running(format!("the tokenizer failed: {e}")))?;
            let last = !self.is_chat() || self.history.left_out >= self.history.turns.len();
            if ids.len() + room > context && !last {
                self.history.left_out += 1;
                continue;
            }
            if ids.len() >= context {
                self.history.left_out = before;
                return Err(Failure::usage(format!(
                    "the message is too long, expected: below {context} tokens with all that stands \
                     around it, got: {}",
                    ids.len()
                )));
            }
            let out = self.history.left_out;
            if out > before {
                let s = if out == 1 { "" } else { "s" };
                let text =
                    format!("the oldest {out} turn{s} no longer fit the context and are left out");
                show.note(&text).map_err(broken)?;
            }
            return Ok((ids, text.trim_end().ends_with("<think>")));
        }
    }

    /// Lets the model answer.
    ///
    /// # Errors
    /// A message that is too long, a device or output that fails. The conversation is as before.
    pub(super) fn ask(&mut self, question: &str, show: &mut dyn Show) -> Result<(), Failure> {
        let (ids, in_think) = self.fitting(question, show)?;
        let most = self.settings.context - ids.len();
        let max_tokens = self.settings.max_tokens.unwrap_or(most).min(most);
        let prompt_tokens = ids.len();
        let prompts = [ids];
        let request = GenerateRequest {
            sampling: self.settings.sampling,
            stop: StopRules { stop_ids: self.stop_ids.clone(), max_tokens },
            seed: self.settings.seed,
            first_stream: self.answers,
            ..GenerateRequest::new(&prompts, max_tokens)
        };
        let text = TextStream::new(self.prompts.tokenizer, self.is_chat(), in_think);
        let mut answer =
            Answer { text, other: String::new(), tokens: 0, began: None, thought: None };
        let (mut failed, mut finish) = (None, None);
        self.stop.store(false, Ordering::SeqCst);
        let stop = &self.stop;
        let generated = self.generator.generate(&request, |token| {
            let last = token.finish.is_some();
            let parts = answer.text.push(token.id, token.finish == Some(Finish::Stop), last).1;
            finish = token.finish;
            failed = answer.take(&parts, show).err();
            match failed.is_some() || stop.load(Ordering::SeqCst) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        match generated {
            Ok(_) | Err(ExecuteError::Engine(EngineError::Stopped)) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(error) = failed {
            return Err(broken(error));
        }
        let end = match finish {
            Some(Finish::Stop) => End::Stop,
            Some(Finish::Length) => End::Length,
            None => End::Abort,
        };
        answer.finish(show).map_err(broken)?;
        match end {
            End::Stop => {}
            End::Length => {
                let text = format!("ended at {} tokens, the most that it may have", answer.tokens);
                show.note(&text).map_err(broken)?;
            }
            End::Abort => show.note("stopped").map_err(broken)?,
        }
        self.answers += 1;
        let kept_tokens = self.generator.kept_tokens();
        let TextStream { reasoning, content, .. } = answer.text;
        let content = if content.trim().is_empty() { answer.other } else { content };
        self.history.turns.push(Turn {
            question: question.to_owned(),
            reasoning: reasoning.trim().to_owned(),
            content: content.trim().to_owned(),
            tokens: answer.tokens,
            prompt_tokens,
            kept_tokens,
            end,
        });
        Ok(())
    }

    /// Does what was typed.
    ///
    /// # Errors
    /// A file that cannot be written, a system message that the template has no place for.
    pub(super) fn carry_out(&mut self, command: Command) -> Result<Done, Failure> {
        let told = |text: &str| Ok(Done::Told(text.to_owned()));
        match command {
            Command::Quit => Ok(Done::Quit),
            Command::Help => told(HELP),
            Command::Reset => {
                self.history.reset();
                told("a new conversation")
            }
            Command::Think => match self.history.turns.last().map(|turn| turn.reasoning.trim()) {
                None => told("nothing was said yet"),
                Some("") => told("the last answer came without thinking"),
                Some(thinking) => told(thinking),
            },
            Command::System(text) => {
                if text.is_some() && !self.is_chat() {
                    let reason = "a system message needs --template chat".to_owned();
                    return Err(Failure::usage(reason));
                }
                let before = std::mem::replace(&mut self.history.system, text);
                if let Err(error) = self.prompt("?") {
                    self.history.system = before;
                    return Err(error);
                }
                match &self.history.system {
                    Some(text) => Ok(Done::Told(format!("system message: {text}"))),
                    None => told("no system message"),
                }
            }
            Command::Save(path) => {
                if path.exists() && !self.saved.contains(&path) {
                    let path = path.display();
                    return Err(Failure::usage(format!(
                        "{path} is there already; name another file"
                    )));
                }
                atomic::write_json(&path, &self.history.to_json(&self.settings.name))?;
                let turns = self.history.turns.len();
                let s = if turns == 1 { "" } else { "s" };
                let text = format!("{turns} turn{s} written to {}", path.display());
                self.saved.insert(path);
                Ok(Done::Told(text))
            }
        }
    }
}

pub(super) fn broken(error: io::Error) -> Failure {
    Failure::running(format!("the answer cannot be shown: {error}"))
}

/// An answer while it comes.
struct Answer<'a> {
    text: TextStream<'a>,
    /// Text outside both blocks, where a template has blocks.
    other: String,
    tokens: usize,
    /// When thinking began, and after how many tokens.
    began: Option<(Instant, usize)>,
    thought: Option<Thought>,
}

impl Answer<'_> {
    /// Shows what a token decided.
    fn take(&mut self, parts: &[Part], show: &mut dyn Show) -> io::Result<()> {
        for Part { kind, text } in parts {
            match kind {
                PartKind::Reasoning => {
                    if self.thought.is_none() {
                        self.began.get_or_insert((Instant::now(), self.tokens));
                        show.thinking(text)?;
                    }
                }
                PartKind::Content | PartKind::Other => {
                    if *kind == PartKind::Other {
                        self.other.push_str(text);
                    }
                    // Blank lines around the blocks are no answer yet.
                    if !text.trim().is_empty() {
                        self.fold(show)?;
                    }
                    show.answer(text)?;
                }
            }
        }
        self.tokens += 1;
        Ok(())
    }

    /// Ends the thinking, where there was some and it has not ended.
    fn fold(&mut self, show: &mut dyn Show) -> io::Result<()> {
        let Some((began, tokens)) = self.began.filter(|_| self.thought.is_none()) else {
            return Ok(());
        };
        let seconds = began.elapsed().as_secs_f64();
        let thought = Thought { seconds, tokens: self.tokens.saturating_sub(tokens).max(1) };
        self.thought = Some(thought);
        show.thought(&thought)
    }

    fn finish(&mut self, show: &mut dyn Show) -> io::Result<()> {
        let tokens = self.tokens;
        let parts = self.text.finish();
        self.take(&parts, show)?;
        self.tokens = tokens;
        self.fold(show)?;
        show.end()
    }
}
