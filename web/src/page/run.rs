//! One run: the model is loaded if it must be, the tokens stream into a view, the reward is asked.

use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::AbortSignal;

use crate::number::reward as short;
use crate::page::ask::{Ask, Mode, show_result};
use crate::page::client::{self, Completion, GenerateResult, GroupAdvantages, Model, Token, items};
use crate::page::dom::{announce, words};
use crate::page::group_view::GroupView;
use crate::page::models::Which;
use crate::page::object::object;
use crate::page::prefs::settings;
use crate::page::problems::Asked;
use crate::page::reward::{self, Checked};
use crate::page::run_view::{Part, RunView};
use crate::page::versus;
use crate::strings as s;

/// Completions of a group, as many as rows that the client runs at once.
const GROUP_SIZE: u32 = 8;
/// Words of an n-gram in the meter: short, as the completions of small models are.
const NGRAM: u32 = 4;

/// A run as it was begun; the visitor may choose another model before it ends.
struct Run {
    ask: Rc<Ask>,
    which: Which,
    model: Model,
    asked: Asked,
    seed: f64,
    template: String,
    signal: AbortSignal,
}

/// Asks the model that is chosen the question of the round, in the mode of the round.
pub(crate) async fn run(ask: Rc<Ask>) {
    let which = ask.which();
    let Ok(signal) = ask.busy() else { return };
    let done = match ask.models.get(which).await {
        // Stopped while it was loading.
        Ok(_) if signal.aborted() => Ok(()),
        Ok(model) => answer(&ask, which, model, &signal).await,
        Err(error) => Err(error),
    };
    // What was broken off may end in any error.
    if let Err(error) = done
        && !signal.aborted()
    {
        ask.fail(&error);
    }
    ask.idle(&signal);
}

async fn answer(
    ask: &Rc<Ask>,
    which: Which,
    model: Model,
    signal: &AbortSignal,
) -> Result<(), JsValue> {
    let Some((asked, mode, seed)) =
        ask.round.borrow().as_ref().map(|r| (r.asked.clone(), r.mode, r.seed))
    else {
        return Ok(());
    };
    let template = template(&model);
    let (ask, signal) = (ask.clone(), signal.clone());
    let run = Run { ask, which, model, asked, seed, template, signal };
    match mode {
        Mode::Single => run.single().await,
        Mode::Group => run.group().await,
    }
}

/// The template of the settings, or the model's own.
fn template(model: &Model) -> String {
    let info = model.info();
    match settings().template.as_str() {
        "auto" => info
            .template()
            .unwrap_or_else(|| if info.has_chat_template() { "chat" } else { "none" }.to_owned()),
        chosen => chosen.to_owned(),
    }
}

/// What is asked of the meter, where the visitor wants one.
fn meter() -> JsValue {
    match settings().meter {
        true => object(&[("ngram", NGRAM.into())]),
        false => JsValue::UNDEFINED,
    }
}

impl Run {
    fn request(&self, extra: &[(&'static str, JsValue)]) -> JsValue {
        let mut fields = settings().sampling();
        fields.push(("seed", self.seed.into()));
        fields.extend_from_slice(extra);
        object(&fields)
    }

    fn prompt(&self, completions: u32) -> JsValue {
        self.request(&[
            ("meter", meter()),
            ("prompt", self.asked.question.as_str().into()),
            ("template", self.template.as_str().into()),
            ("n", completions.into()),
        ])
    }

    async fn generate(
        &self,
        completions: u32,
        on_token: impl Fn(&Token) + 'static,
    ) -> Result<GenerateResult, JsValue> {
        let on_token = Closure::<dyn FnMut(JsValue)>::new(move |token: JsValue| {
            on_token(token.unchecked_ref());
        });
        let request = self.prompt(completions);
        let result = self.model.generate(&request, on_token.as_ref(), &self.signal).await?;
        Ok(result.unchecked_into())
    }

    async fn single(self) -> Result<(), JsValue> {
        let view =
            Rc::new(RunView::new(self.template == "r1-zero", self.model.info().thinks_only()));
        show_result(&view.root);
        announce(s::ANNOUNCE_RUN, &[]);
        let result = self.stream(&view).await;
        let Ok(result) = result else {
            view.give_up();
            return result.map(|_| ());
        };
        let Some(completion) = items::<Completion>(&result.completions()).into_iter().next() else {
            view.give_up();
            return Ok(());
        };
        let checked = self.check(&completion).await.inspect_err(|_| view.give_up())?;
        self.say_answer(&completion, checked.as_ref());
        view.finish(&completion, checked);
        if self.template == "chat" && completion.finish() != "abort" {
            self.ask.chat.add(self.which, &self.asked.question, &completion.content());
        }
        self.keep(&result, |outcome| outcome.run = Some(view));
        Ok(())
    }

    async fn stream(&self, view: &Rc<RunView>) -> Result<GenerateResult, JsValue> {
        let view = view.clone();
        if self.template != "chat" {
            return self
                .generate(1, move |token| {
                    let parts: Vec<(Part, String)> = items::<client::Part>(&token.parts())
                        .iter()
                        .map(|part| (Part::of(&part.kind()), part.text()))
                        .collect();
                    view.push(&token.text(), token.logprob(), &parts);
                    view.meter(token.meter().as_ref());
                })
                .await;
        }
        let messages = self.ask.chat.messages(&self.asked.question);
        let request = self.request(&[("messages", messages), ("meter", meter())]);
        let on_chunk = crate::page::chat::on_chunk(view);
        let result = self.model.chat(&request, on_chunk.as_ref(), &self.signal).await?;
        Ok(result.unchecked_into())
    }

    async fn check(&self, completion: &Completion) -> Result<Option<Checked>, JsValue> {
        if completion.finish() == "abort" {
            return Ok(None);
        }
        let checked = reward::check(&self.model, &self.asked, completion, &self.template).await?;
        Ok(Some(checked))
    }

    fn say_answer(&self, completion: &Completion, checked: Option<&Checked>) {
        let mut answer = completion.content().trim().to_owned();
        if answer.is_empty() {
            answer = words(s::NO_ANSWER, &[]);
        }
        match checked.and_then(|c| c.verdict.text().map(|verdict| (verdict, c.total))) {
            Some((verdict, total)) => {
                let (verdict, total) = (words(verdict, &[]), short(total));
                announce(
                    s::ANNOUNCE_ANSWER,
                    &[("answer", &answer), ("verdict", &verdict), ("reward", &total)],
                );
            }
            None => announce(s::ANNOUNCE_DONE, &[("answer", &answer)]),
        }
    }

    async fn group(self) -> Result<(), JsValue> {
        let view = Rc::new(GroupView::new(GROUP_SIZE as usize, settings().meter));
        show_result(&view.root);
        announce(s::ANNOUNCE_SAMPLE, &[]);
        let streamed = view.clone();
        let result = self
            .generate(GROUP_SIZE, move |token| {
                streamed.push(token.completion(), &token.text(), token.logprob());
                streamed.meter(token.completion(), token.meter().as_ref());
            })
            .await
            .inspect_err(|_| view.end())?;
        let completions: Vec<Completion> = items(&result.completions());
        let mut checks = Vec::new();
        for (i, completion) in completions.iter().enumerate() {
            let checked = self.check(completion).await.inspect_err(|_| view.end())?;
            view.meter(i, completion.meter().as_ref());
            view.score(i, completion, checked.as_ref());
            checks.extend(checked);
        }
        let stopped = checks.len() < completions.len();
        match (stopped, self.asked.problem.is_some()) {
            (true, _) => view.end(),
            (false, false) => view.finish_without_rewards(),
            (false, true) => self.compare(&view, &checks).await?,
        }
        self.keep(&result, |outcome| outcome.group = Some(view));
        Ok(())
    }

    async fn compare(&self, view: &GroupView, checks: &[Checked]) -> Result<(), JsValue> {
        let rewards: Array = checks.iter().map(|check| JsValue::from(check.total)).collect();
        let group: GroupAdvantages = self.model.advantages(&rewards).await?.unchecked_into();
        let correct = checks.iter().filter(|c| c.verdict == reward::Verdict::Correct).count();
        view.finish(&group, correct);
        let (correct, count) = (correct.to_string(), checks.len().to_string());
        let mean = short(group.mean());
        announce(s::ANNOUNCE_GROUP, &[("correct", &correct), ("count", &count), ("mean", &mean)]);
        Ok(())
    }

    /// Keeps what came of it with the round, if the round is still this one.
    fn keep(&self, result: &GenerateResult, store: impl FnOnce(&mut crate::page::ask::Outcome)) {
        if let Some(round) = &mut *self.ask.round.borrow_mut()
            && round.asked.question == self.asked.question
            && round.seed == self.seed
        {
            let outcome = &mut round.outcomes[self.which as usize];
            outcome.timing = Some(result.timing());
            store(outcome);
            versus::show(round);
        }
        self.ask.show_machine();
    }
}
