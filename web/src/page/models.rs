//! The models of the page: the distilled student, its base, R1-Zero, and one of the visitor's own. Each
//! is loaded when it is first asked, into a worker of its own.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{AbortController, HtmlElement, HtmlProgressElement, Url};

use crate::number::bytes;
use crate::page::client::{self, LoadProgress, Model};
use crate::page::dom::{announce, by_id, document, say, show, words};
use crate::page::prefs::load_options;
use crate::page::{notices, object};
use crate::strings as s;

/// One of the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Base,
    Distilled,
    R1Zero,
    Own,
}

impl Which {
    pub(crate) const ALL: [Self; 4] = [Self::Base, Self::Distilled, Self::R1Zero, Self::Own];

    /// Of a radio button's value.
    pub(crate) fn of_value(value: &str) -> Self {
        match value {
            "base" => Self::Base,
            "r1-zero" => Self::R1Zero,
            "own" => Self::Own,
            _ => Self::Distilled,
        }
    }

    pub(crate) const fn value(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Distilled => "distilled",
            Self::R1Zero => "r1-zero",
            Self::Own => "own",
        }
    }
}

enum State {
    Idle,
    Loading { done: Promise, abort: AbortController },
    Ready(Model),
}

struct Slot {
    /// `undefined` as long as there is none.
    source: JsValue,
    name: String,
    state: State,
}

/// All of them, as far as they are loaded.
pub(crate) struct Models {
    slots: [RefCell<Slot>; Which::ALL.len()],
}

/// An address beside the page, in full.
pub(crate) fn beside_page(path: &str) -> String {
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    Url::new_with_base(path, &base).map_or_else(|_| path.to_owned(), |url| url.href())
}

impl Models {
    pub(crate) fn new() -> Rc<Self> {
        let slot = |source: JsValue| {
            RefCell::new(Slot { source, name: String::new(), state: State::Idle })
        };
        Rc::new(Self {
            slots: Which::ALL.map(|which| {
                slot(match which {
                    Which::Own => JsValue::UNDEFINED,
                    with_page => {
                        let path = ["models/", with_page.value(), "/manifest.json"].concat();
                        beside_page(&path).into()
                    }
                })
            }),
        })
    }

    /// The model, if it is loaded.
    pub(crate) fn ready(&self, which: Which) -> Option<Model> {
        match &self.slots[which as usize].borrow().state {
            State::Ready(model) => Some(model.clone()),
            _ => None,
        }
    }

    /// Name of a model for people.
    pub(crate) fn name(&self, which: Which) -> String {
        match which {
            Which::Base => words(s::NAME_BASE, &[]),
            Which::Distilled => words(s::NAME_DISTILLED, &[]),
            Which::R1Zero => words(s::R1_ZERO, &[]),
            Which::Own => self.slots[which as usize].borrow().name.clone(),
        }
    }

    /// Puts a model of the visitor's in its slot; the one before is given up.
    pub(crate) fn set_own(&self, source: JsValue, name: String) {
        self.forget(Which::Own);
        let mut slot = self.slots[Which::Own as usize].borrow_mut();
        (slot.source, slot.name) = (source, name);
    }

    /// Gives up all models; they are loaded again when they are asked.
    pub(crate) fn forget_all(&self) {
        Which::ALL.into_iter().for_each(|which| self.forget(which));
    }

    pub(crate) fn forget(&self, which: Which) {
        let state =
            std::mem::replace(&mut self.slots[which as usize].borrow_mut().state, State::Idle);
        match state {
            State::Ready(model) => model.dispose(),
            State::Loading { abort, .. } => abort.abort(),
            State::Idle => {}
        }
    }

    /// The model, loaded first if it is not. Two who ask at once wait for one loading.
    pub(crate) async fn get(self: &Rc<Self>, which: Which) -> Result<Model, JsValue> {
        let pending = match &self.slots[which as usize].borrow().state {
            State::Ready(model) => return Ok(model.clone()),
            State::Loading { done, .. } => Some(done.clone()),
            State::Idle => None,
        };
        let done = match pending {
            Some(done) => done,
            None => self.start(which)?,
        };
        Ok(JsFuture::from(done).await?.unchecked_into())
    }

    fn start(self: &Rc<Self>, which: Which) -> Result<Promise, JsValue> {
        let abort = AbortController::new()?;
        let this = self.clone();
        let (source, signal) = (self.slots[which as usize].borrow().source.clone(), abort.signal());
        let own = abort.clone();
        let done = future_to_promise(async move {
            let loaded = this.load(which, &source, &signal).await;
            show_loading(which, false);
            let mut slot = this.slots[which as usize].borrow_mut();
            // Given up while it was loading: what came belongs to nobody.
            if !matches!(&slot.state, State::Loading { abort, .. } if *abort == own) {
                if let Ok(model) = loaded {
                    model.unchecked_into::<Model>().dispose();
                }
                return Err(abort_error());
            }
            slot.state = match &loaded {
                Ok(model) => State::Ready(model.clone().unchecked_into()),
                Err(_) => State::Idle,
            };
            loaded
        });
        self.slots[which as usize].borrow_mut().state =
            State::Loading { done: done.clone(), abort };
        Ok(done)
    }

    async fn load(
        &self,
        which: Which,
        source: &JsValue,
        signal: &web_sys::AbortSignal,
    ) -> Result<JsValue, JsValue> {
        let name = self.name(which);
        show_loading(which, true);
        say(&progress_text(which), s::STAGE_START, &[("name", &name)]);
        progress_bar(which).remove_attribute("value").unwrap_or_default();
        let shown = name.clone();
        let on_progress = Closure::<dyn FnMut(JsValue)>::new(move |progress: JsValue| {
            show_progress(which, &shown, progress.unchecked_ref());
        });
        // Notices come for as long as the model lives.
        let given_up = signal.clone();
        let on_notice = Closure::<dyn FnMut(JsValue)>::new(move |notice: JsValue| {
            if !given_up.aborted() {
                notices::notice(&notice);
            }
        })
        .into_js_value();
        let options = load_options(&[
            ("onProgress", on_progress.as_ref().clone()),
            ("onNotice", on_notice),
            ("signal", signal.clone().into()),
        ]);
        let model = client::load(source, &options).await?;
        announce(s::ANNOUNCE_LOADED, &[("name", &name)]);
        Ok(model)
    }

    /// Breaks off the loading of a model.
    pub(crate) fn cancel(&self, which: Which) {
        if let State::Loading { abort, .. } = &self.slots[which as usize].borrow().state {
            abort.abort();
        }
    }
}

/// What those get who waited for a model that was given up.
fn abort_error() -> JsValue {
    object::object(&[("name", "AbortError".into()), ("message", "given up".into())])
}

/// Prefixes of the ids of the two places that show a loading: the page's and the drawer's.
fn places(which: Which) -> &'static [(&'static str, &'static str)] {
    match which {
        Which::Own => &[("loading", "load"), ("own-loading", "own")],
        _ => &[("loading", "load")],
    }
}

fn progress_text(which: Which) -> HtmlElement {
    by_id(&[places(which)[0].1, "-text"].concat())
}

fn progress_bar(which: Which) -> HtmlProgressElement {
    by_id(&[places(which)[0].1, "-bar"].concat())
}

fn show_loading(which: Which, shown: bool) {
    for (row, _) in places(which) {
        show(&by_id::<HtmlElement>(row), shown);
    }
}

fn show_progress(which: Which, name: &str, progress: &LoadProgress) {
    let (done, total) = (progress.done(), progress.total());
    let sizes = [("name", name), ("done", &bytes(done)), ("total", &bytes(total))];
    let (text, values) = match progress.stage().as_str() {
        "download" if total <= 0.0 => (s::STAGE_DOWNLOAD_OPEN, &sizes[..2]),
        "download" if progress.cached() => (s::STAGE_CACHE, &sizes[..]),
        "download" => (s::STAGE_DOWNLOAD, &sizes[..]),
        "verify" => (s::STAGE_VERIFY, &sizes[..1]),
        "upload" => (s::STAGE_UPLOAD, &sizes[..1]),
        _ => (s::STAGE_WAIT, &sizes[..1]),
    };
    for (_, prefix) in places(which) {
        say(&by_id::<HtmlElement>(&[prefix, "-text"].concat()), text, values);
        let bar: HtmlProgressElement = by_id(&[prefix, "-bar"].concat());
        match total > 0.0 {
            true => bar.set_value(done / total),
            false => bar.remove_attribute("value").unwrap_or_default(),
        }
    }
}
