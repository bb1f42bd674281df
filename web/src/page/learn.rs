//! The tab "Learn": a nano base learns while a visitor watches, starts, pauses and resets.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlElement, HtmlSelectElement};

use crate::number::{clock, parameters, percent, seconds};
use crate::page::dom::{
    LANGUAGE_CHANGED, announce, by_id, document, on, say, show, swap, window, words, write,
};
use crate::page::learn_view::{LearnView, Measured};
use crate::page::learner::{self, Comparison, Evaluation, Learner, StepReport};
use crate::page::models::beside_page;
use crate::page::object::object;
use crate::page::{device_reason, download, notices};
use crate::strings::{self as s, Text};

/// Problems of a measurement: the standard error of an accuracy of one half is 4 points.
const PROBLEMS: u32 = 160;

/// The tab.
pub(crate) struct Learn {
    learner: RefCell<Option<Learner>>,
    view: LearnView,
    running: Cell<bool>,
    /// Whether something else than learning is under way, for which all buttons wait.
    waiting: Cell<bool>,
    steps: RefCell<Vec<StepReport>>,
    elapsed_s: Cell<f64>,
    seed: Cell<f64>,
}

impl Learn {
    pub(crate) fn new() -> Rc<Self> {
        let this = Rc::new(Self {
            learner: RefCell::default(),
            view: LearnView::new(),
            running: Cell::default(),
            waiting: Cell::default(),
            steps: RefCell::default(),
            elapsed_s: Cell::default(),
            seed: Cell::new(1.0),
        });
        this.connect("learn-start", |this| async move { this.start().await });
        this.connect("learn-pause", |this| async move { this.pause().await });
        this.connect("learn-reset", |this| async move { this.reset().await });
        this.connect("learn-export", |this| async move { this.export().await });
        this.connect("learn-evaluate", |this| async move {
            this.paused(|this, learner| async move { this.measure(&learner, "now").await }).await
        });
        this.connect("learn-compare", |this| async move {
            this.paused(|this, learner| async move { this.compare(&learner).await }).await
        });
        let own = this.clone();
        on(&document(), LANGUAGE_CHANGED, move |_| own.redraw());
        let own = this.clone();
        on(&window(), "resize", move |_| own.redraw());
        this
    }

    /// Runs on a click; what goes wrong is shown.
    fn connect<F>(self: &Rc<Self>, id: &str, act: impl Fn(Rc<Self>) -> F + 'static)
    where
        F: Future<Output = Result<(), JsValue>> + 'static,
    {
        let this = self.clone();
        on(&by_id::<HtmlElement>(id), "click", move |_| {
            let (this, done) = (this.clone(), act(this.clone()));
            spawn_local(async move {
                if let Err(error) = done.await {
                    notices::error(&error);
                    this.running.set(false);
                    this.waiting.set(false);
                    write(&by_id::<HtmlElement>("learn-state"), "");
                }
                this.show_buttons();
            });
        });
    }

    /// Draws what depends on the size and language of the page.
    pub(crate) fn redraw(&self) {
        self.view.draw(&self.steps.borrow());
        self.show_device();
    }

    fn say(&self, text: Text, values: &[(&str, &str)]) {
        say(&by_id::<HtmlElement>("learn-state"), text, values);
    }

    async fn start(self: &Rc<Self>) -> Result<(), JsValue> {
        notices::clear_error();
        let made = self.learner.borrow().clone();
        let learner = match made {
            Some(learner) => learner,
            None => self.create().await?,
        };
        if self.view.measured("base").is_none() {
            self.measure(&learner, "base").await?;
        }
        self.learn(learner);
        Ok(())
    }

    async fn create(self: &Rc<Self>) -> Result<Learner, JsValue> {
        self.wait(true);
        self.say(s::LEARN_LOADING, &[]);
        let on_notice = Closure::<dyn FnMut(JsValue)>::new(|notice: JsValue| {
            notices::notice(&notice);
        });
        let options = object(&[
            ("model", beside_page("models/nano/").into()),
            ("device", by_id::<HtmlSelectElement>("learn-device").value().into()),
            ("onNotice", on_notice.into_js_value()),
        ]);
        let program = beside_page("thinkling-web-learn/learn.js");
        let learner = learner::create(&program, &options).await;
        notices::clear_notice();
        let learner = learner?;
        self.learner.replace(Some(learner.clone()));
        show(&by_id::<HtmlElement>("learn-intro"), false);
        show(&by_id::<HtmlElement>("learn-live"), true);
        show(&by_id::<HtmlElement>("learn-device-pick"), false);
        self.wait(false);
        self.redraw();
        Ok(learner)
    }

    fn learn(self: &Rc<Self>, learner: Learner) {
        if self.running.replace(true) {
            return;
        }
        if self.steps.borrow().is_empty() {
            self.say(s::LEARN_FIRST_STEP, &[]);
        }
        let own = self.clone();
        let on_step = Closure::<dyn FnMut(JsValue)>::new(move |report: JsValue| {
            own.step(report.unchecked_into());
        });
        let this = self.clone();
        spawn_local(async move {
            let ended = learner.start(on_step.as_ref()).await;
            this.running.set(false);
            if let Err(error) = ended {
                notices::error(&error);
            }
            this.show_buttons();
        });
        self.show_buttons();
    }

    fn step(&self, report: StepReport) {
        self.elapsed_s.set(self.elapsed_s.get() + report.seconds());
        let (step, time) = (report.step().to_string(), seconds(report.seconds()));
        if !self.waiting.get() {
            let elapsed = clock(self.elapsed_s.get());
            let values = [("step", step.as_str()), ("seconds", &time), ("elapsed", &elapsed)];
            self.say(s::LEARN_RUNNING, &values);
        }
        self.view.group(&report);
        self.view.alarm(&report.alarm());
        self.steps.borrow_mut().push(report);
        self.view.draw(&self.steps.borrow());
    }

    async fn pause(self: &Rc<Self>) -> Result<(), JsValue> {
        let Some(learner) = self.learner.borrow().clone() else { return Ok(()) };
        self.stop(&learner).await?;
        self.measure(&learner, "now").await
    }

    async fn stop(&self, learner: &Learner) -> Result<(), JsValue> {
        self.wait(true);
        self.say(s::LEARN_PAUSING, &[]);
        learner.pause().await?;
        self.running.set(false);
        self.wait(false);
        Ok(())
    }

    /// Does something while the learner stands still; it goes on afterwards if it ran before.
    async fn paused<F>(
        self: &Rc<Self>,
        act: impl FnOnce(Rc<Self>, Learner) -> F,
    ) -> Result<(), JsValue>
    where
        F: Future<Output = Result<(), JsValue>>,
    {
        let Some(learner) = self.learner.borrow().clone() else { return Ok(()) };
        let ran = self.running.get();
        if ran {
            self.stop(&learner).await?;
        }
        act(self.clone(), learner.clone()).await?;
        if ran {
            self.learn(learner);
        }
        Ok(())
    }

    async fn measure(&self, learner: &Learner, which: &'static str) -> Result<(), JsValue> {
        self.wait(true);
        let name = if which == "base" { s::LEARN_WHICH_BASE } else { s::LEARN_WHICH_NOW };
        let (name, problems) = (words(name, &[]), PROBLEMS.to_string());
        self.say(s::LEARN_EVALUATING, &[("which", &name), ("problems", &problems)]);
        let evaluation: Evaluation = learner.evaluate(which, PROBLEMS).await?.unchecked_into();
        let accuracy = percent(evaluation.accuracy());
        announce(s::ANNOUNCE_MEASURED, &[("accuracy", &accuracy), ("problems", &problems)]);
        let step = self.steps.borrow().len();
        self.view.measure(which, Measured { evaluation, step });
        self.wait(false);
        self.view.draw(&self.steps.borrow());
        self.say_paused();
        Ok(())
    }

    fn say_paused(&self) {
        match self.steps.borrow().len() {
            0 => write(&by_id::<HtmlElement>("learn-state"), ""),
            step => self.say(s::LEARN_PAUSED, &[("step", &step.to_string())]),
        }
    }

    async fn compare(&self, learner: &Learner) -> Result<(), JsValue> {
        self.wait(true);
        self.say(s::LEARN_COMPARING, &[]);
        let seed = self.seed.replace(self.seed.get() + 1.0);
        let comparison: Comparison = learner.compare(seed).await?.unchecked_into();
        self.view.compare(&comparison);
        self.wait(false);
        self.say_paused();
        Ok(())
    }

    async fn reset(self: &Rc<Self>) -> Result<(), JsValue> {
        let Some(learner) = self.learner.borrow().clone() else { return Ok(()) };
        if self.running.get() {
            self.stop(&learner).await?;
        }
        learner.reset().await?;
        self.steps.borrow_mut().clear();
        self.elapsed_s.set(0.0);
        self.view.reset();
        self.say_paused();
        Ok(())
    }

    async fn export(self: &Rc<Self>) -> Result<(), JsValue> {
        self.paused(|_, learner| async move {
            let weights = learner::weights(learner.export_weights().await?);
            download::save(&weights, "model.safetensors")
        })
        .await
    }

    fn wait(&self, waiting: bool) {
        self.waiting.set(waiting);
        self.show_buttons();
    }

    fn show_buttons(&self) {
        let (made, running) = (self.learner.borrow().is_some(), self.running.get());
        match running {
            true => swap("learn-pause", "learn-start"),
            false => swap("learn-start", "learn-pause"),
        }
        if let Some(name) = by_id::<HtmlElement>("learn-start").first_element_child() {
            say(&name, if made { s::START } else { s::LEARN_LOAD }, &[]);
        }
        for id in ["learn-reset", "learn-export"] {
            show(&by_id::<HtmlElement>(id), made);
        }
        let all = ["start", "pause", "reset", "export", "evaluate", "compare"];
        for id in all.map(|name| ["learn-", name].concat()) {
            by_id::<web_sys::HtmlButtonElement>(&id).set_disabled(self.waiting.get());
        }
    }

    fn show_device(&self) {
        let Some(info) = self.learner.borrow().as_ref().map(Learner::info) else { return };
        let device = info.device();
        let reason = device_reason::words(&device.reason());
        let count = parameters(info.parameters());
        let values = [("name", device.name()), ("parameters", count), ("reason", reason)];
        let values: Vec<(&str, &str)> = values.iter().map(|(p, v)| (*p, v.as_str())).collect();
        say(&by_id::<HtmlElement>("learn-device-note"), s::LEARN_DEVICE, &values);
        if self.steps.borrow().is_empty() && !self.waiting.get() && !self.running.get() {
            let (questions, group, tokens) = (
                info.questions_per_step().to_string(),
                info.group_size().to_string(),
                info.max_tokens().to_string(),
            );
            let values = [("questions", &*questions), ("group", &*group), ("tokens", &*tokens)];
            self.say(s::LEARN_READY, &values);
            announce(s::LEARN_READY, &values);
        }
    }
}
