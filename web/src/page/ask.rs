//! The tab "Ask": which model answers, what is shown of it, and what runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, AbortSignal, HtmlElement, HtmlInputElement, KeyboardEvent};

use crate::page::client::Timing;
use crate::page::composer::Composer;
use crate::page::dom::{
    LANGUAGE_CHANGED, announce, append, by_id, clear, document, on, relabel, show, swap,
};
use crate::page::group_view::GroupView;
use crate::page::models::{Models, Which};
use crate::page::prefs::{self, settings};
use crate::page::problems::Asked;
use crate::page::run_view::RunView;
use crate::page::{chat, machine, notices, object, run, versus};
use crate::strings as s;

/// What is asked for: one completion, or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Single,
    Group,
}

/// What one model made of the question.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) run: Option<Rc<RunView>>,
    pub(crate) group: Option<Rc<GroupView>>,
    pub(crate) timing: Option<Timing>,
}

/// The last question and what each model made of it.
pub(crate) struct Round {
    pub(crate) asked: Asked,
    pub(crate) mode: Mode,
    pub(crate) seed: f64,
    pub(crate) outcomes: [Outcome; Which::ALL.len()],
}

/// The tab.
pub(crate) struct Ask {
    pub(crate) models: Rc<Models>,
    pub(crate) composer: Rc<Composer>,
    pub(crate) chat: chat::Conversation,
    pub(crate) round: RefCell<Option<Round>>,
    which: Cell<Which>,
    /// Of the run in progress.
    abort: RefCell<Option<AbortController>>,
}

impl Ask {
    pub(crate) fn new(models: Rc<Models>) -> Rc<Self> {
        let this = Rc::new(Self {
            models,
            composer: Composer::new(),
            chat: chat::Conversation::new(),
            round: RefCell::default(),
            which: Cell::new(Which::Distilled),
            abort: RefCell::default(),
        });
        this.connect();
        machine::show(None, None);
        this.composer.draw();
        this.clone().preload();
        this
    }

    fn connect(self: &Rc<Self>) {
        let this = self.clone();
        on(&by_id::<HtmlElement>("composer"), "submit", move |event| {
            event.prevent_default();
            this.begin(Mode::Single);
        });
        let this = self.clone();
        on(&by_id::<HtmlElement>("sample"), "click", move |_| this.begin(Mode::Group));
        let this = self.clone();
        on(&by_id::<HtmlElement>("stop"), "click", move |_| this.stop());
        let this = self.clone();
        on(&by_id::<HtmlElement>("which"), "change", move |event| {
            if let Some(radio) = event.target().and_then(|t| t.dyn_into::<HtmlInputElement>().ok())
            {
                this.choose(Which::of_value(&radio.value()));
            }
        });
        let this = self.clone();
        on(&by_id::<HtmlElement>("load-cancel"), "click", move |_| {
            this.models.cancel(this.which.get());
        });
        let this = self.clone();
        on(&document(), "keydown", move |event| {
            let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
            let asks = key.key() == "Enter" && (key.ctrl_key() || key.meta_key());
            if asks && !by_id::<HtmlElement>("ask").hidden() {
                event.prevent_default();
                this.begin(Mode::Single);
            }
        });
        let this = self.clone();
        on(&document(), LANGUAGE_CHANGED, move |_| this.relabel());
        connect_tokens();
    }

    /// Loads the model that is chosen before it is asked anything.
    fn preload(self: Rc<Self>) {
        spawn_local(async move {
            match self.models.get(self.which.get()).await {
                Ok(_) => self.show_machine(),
                Err(error) => self.fail(&error),
            }
        });
    }

    pub(crate) fn which(&self) -> Which {
        self.which.get()
    }

    /// Begins a round with the question as it stands.
    fn begin(self: &Rc<Self>, mode: Mode) {
        let Some(asked) = self.composer.asked() else {
            announce(s::EMPTY_QUESTION, &[]);
            self.composer.focus();
            return;
        };
        if settings().new_seed {
            // Small enough to be read and typed again.
            prefs::change(|s| s.seed = (js_sys::Math::random() * 1e6).floor());
        }
        self.stop();
        let seed = settings().seed;
        self.round.replace(Some(Round { asked, mode, seed, outcomes: Default::default() }));
        versus::hide();
        spawn_local(run::run(self.clone()));
    }

    /// Answers with another model: shows what it said to the question that stands, or asks it.
    pub(crate) fn choose(self: &Rc<Self>, which: Which) {
        self.which.set(which);
        by_id::<HtmlInputElement>(&["which-", which.value(), "-input"].concat()).set_checked(true);
        self.stop();
        self.chat.show_for(which);
        let question = self.composer.asked().map(|asked| asked.question);
        let answered = match &*self.round.borrow() {
            Some(round) if Some(&round.asked.question) == question.as_ref() => {
                let outcome = &round.outcomes[which as usize];
                Some(match round.mode {
                    Mode::Single => outcome.run.as_ref().map(|view| view.root.clone()),
                    Mode::Group => outcome.group.as_ref().map(|view| view.root.clone()),
                })
            }
            _ => None,
        };
        self.show_machine();
        match answered {
            Some(Some(view)) => show_result(&view),
            Some(None) => spawn_local(run::run(self.clone())),
            None => self.clone().preload(),
        }
    }

    /// Breaks off what runs.
    pub(crate) fn stop(&self) {
        if let Some(abort) = self.abort.take() {
            abort.abort();
        }
        self.show_busy();
    }

    /// Says that a run begins; the signal ends it.
    pub(crate) fn busy(&self) -> Result<AbortSignal, JsValue> {
        let abort = AbortController::new()?;
        let signal = abort.signal();
        self.abort.replace(Some(abort));
        self.show_busy();
        notices::clear_error();
        Ok(signal)
    }

    /// Says that the run of this signal has ended, unless another has begun.
    pub(crate) fn idle(&self, signal: &AbortSignal) {
        if self.abort.borrow().as_ref().is_some_and(|abort| abort.signal() == *signal) {
            self.abort.take();
        }
        self.show_busy();
    }

    fn show_busy(&self) {
        let busy = self.abort.borrow().is_some();
        if busy {
            swap("stop", "sample");
            swap("stop", "run");
        } else {
            swap("run", "stop");
            show(&by_id::<HtmlElement>("sample"), true);
        }
    }

    /// Shows an error; one that the visitor's own hand has made is none.
    pub(crate) fn fail(&self, error: &JsValue) {
        if !object::is_abort(error) {
            notices::error(error);
        }
        self.show_machine();
    }

    /// Writes the line about the machine for the model that is chosen.
    pub(crate) fn show_machine(&self) {
        let which = self.which.get();
        let round = self.round.borrow();
        let timing = round.as_ref().and_then(|r| r.outcomes[which as usize].timing.as_ref());
        machine::show(self.models.ready(which).as_ref(), timing);
    }

    fn relabel(&self) {
        if let Some(round) = &*self.round.borrow() {
            for outcome in &round.outcomes {
                outcome.run.iter().for_each(|view| view.relabel());
                outcome.group.iter().for_each(|view| relabel(&view.root));
            }
            versus::show(round);
        }
        self.show_machine();
    }

    /// Gives up all models and loads the chosen one again, on the device of the settings.
    pub(crate) fn reload(self: &Rc<Self>) {
        self.stop();
        notices::clear_notice();
        self.models.forget_all();
        self.show_machine();
        self.clone().preload();
    }
}

/// Puts a view in the place of results.
pub(crate) fn show_result(view: &HtmlElement) {
    let place: HtmlElement = by_id("result");
    clear(&place);
    relabel(view);
    append(&place, view);
}

/// The switch that colours tokens.
fn connect_tokens() {
    let (input, result): (HtmlInputElement, HtmlElement) = (by_id("tokens"), by_id("result"));
    let apply = {
        let input = input.clone();
        move || {
            let _ = result.class_list().toggle_with_force("tokens-on", input.checked());
        }
    };
    input.set_checked(prefs::recall("tokens").as_deref() == Some("on"));
    apply();
    on(&input.clone(), "change", move |_| {
        prefs::keep("tokens", if input.checked() { "on" } else { "off" });
        apply();
    });
}
