//! What `js/worker.js` calls: JSON in, JSON out.

use crate::browser::{self, Loader, Source, breathe, now};
use crate::device::GpuHandle;
use crate::generate::{Event, Progress, Stage};
use crate::judge::{self, JudgeOptions};
use crate::request::{Prompt, Request};
use crate::{ChunkWriter, LoadOptions, Session, WebError};
use js_sys::{Function, JSON};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsError, JsValue};
use web_sys::File;

/// A loaded model. One call runs at a time.
#[wasm_bindgen]
pub struct WorkerModel {
    /// Empty while a call runs.
    session: Cell<Option<Session>>,
    gpu: GpuHandle,
    info: JsValue,
    aborted: Rc<Cell<bool>>,
    name: String,
    answers: Cell<u64>,
}

/// Tells the client of an event.
fn teller(on_event: Function) -> impl Fn(Event) {
    move |event| {
        if let Ok(value) = to_js(&event) {
            // A client that throws is gone; the call goes on to its end.
            let _ = on_event.call1(&JsValue::UNDEFINED, &value);
        }
    }
}

fn to_js(value: &impl Serialize) -> Result<JsValue, WebError> {
    let json = serde_json::to_string(value)?;
    JSON::parse(&json)
        .map_err(|thrown| WebError::Browser { action: "read JSON", reason: format!("{thrown:?}") })
}

fn thrown(error: WebError) -> JsError {
    JsError::new(&error.to_string())
}

/// Loads a model. `source` is an address or an array of files; `options` are those of `LoadOptions`
/// that a worker knows, as JSON; `on_event` sees progress and notices.
///
/// Throws an `Error` that says what was wrong with the model or the download.
#[wasm_bindgen]
pub async fn load(
    source: JsValue,
    options: String,
    keep: bool,
    aborted: Function,
    on_event: Function,
) -> Result<WorkerModel, JsError> {
    load_model(source, &options, keep, aborted, on_event).await.map_err(thrown)
}

async fn load_model(
    source: JsValue,
    options: &str,
    keep: bool,
    aborted: Function,
    on_event: Function,
) -> Result<WorkerModel, WebError> {
    let start = now();
    let options: LoadOptions = serde_json::from_str(options)?;
    let source = match source.as_string() {
        Some(url) => Source::Url(url),
        None => Source::Files(
            js_sys::Array::from(&source).iter().map(JsCast::unchecked_into::<File>).collect(),
        ),
    };
    let tell = teller(on_event);
    let is_aborted = || aborted.call0(&JsValue::UNDEFINED).is_ok_and(|aborted| aborted.is_truthy());
    let loader = Loader { keep, emit: &tell, is_aborted: &is_aborted };
    let bundle = loader.load(source).await?;
    let total = bundle.weight_bytes;
    let upload =
        |done| Event::Progress(Progress { stage: Stage::Upload, done, total, cached: false });
    tell(upload(0));
    breathe().await;
    let stop = Rc::new(Cell::new(false));
    let flag = stop.clone();
    let pass = move || -> std::pin::Pin<Box<dyn Future<Output = ControlFlow<()>>>> {
        let flag = flag.clone();
        Box::pin(async move {
            breathe().await;
            if flag.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    };
    let session = Session::open(bundle, options, Box::new(now), pass, &mut |e| tell(e)).await?;
    tell(upload(total));
    let mut info = serde_json::to_value(session.info())?;
    info["loadSeconds"] = (now() - start).into();
    info["wasmBytes"] = wasm_bytes().into();
    Ok(WorkerModel {
        gpu: session.gpu(),
        info: to_js(&info)?,
        aborted: stop,
        name: session.name().to_owned(),
        session: Cell::new(Some(session)),
        answers: Cell::new(0),
    })
}

/// Size of WebAssembly's memory, which never shrinks.
fn wasm_bytes() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    js_sys::ArrayBuffer::from(memory.buffer()).byte_length().into()
}

#[wasm_bindgen]
impl WorkerModel {
    /// A `ModelInfo`.
    #[wasm_bindgen(getter)]
    pub fn info(&self) -> JsValue {
        self.info.clone()
    }

    /// Ends the call that runs, within a token.
    pub fn abort(&self) {
        self.aborted.set(true);
    }

    /// Loses the GPU as a crash of its driver would.
    #[wasm_bindgen(js_name = loseDevice)]
    pub fn lose_device(&self) {
        self.gpu.lose();
    }

    /// Runs a `GenerateRequest`; `on_event` sees tokens and notices. Gives a `GenerateResult`.
    pub async fn generate(&self, request: String, on_event: Function) -> Result<JsValue, JsError> {
        let tell = teller(on_event);
        self.run(&request, &mut |event| tell(event)).await.map_err(thrown)
    }

    /// Runs a `ChatRequest`; `on_event` sees chunks and notices. Gives a `GenerateResult`.
    pub async fn chat(&self, request: String, on_event: Function) -> Result<JsValue, JsError> {
        let created = (js_sys::Date::now() / 1000.0) as u64;
        let number = self.answers.get();
        self.answers.set(number + 1);
        let id = format!("chatcmpl-{created}-{number}");
        let mut writer = ChunkWriter::new(id, created, self.name.clone());
        let tell = teller(on_event.clone());
        let emit = &mut |event: Event| match event {
            Event::Token(token) => {
                let chunk = serde_json::json!({ "event": "chunk", "value": writer.chunk(&token) });
                if let Ok(chunk) = to_js(&chunk) {
                    let _ = on_event.call1(&JsValue::UNDEFINED, &chunk);
                }
            }
            other => tell(other),
        };
        self.run(&request, emit).await.map_err(thrown)
    }

    async fn run(&self, request: &str, emit: &mut dyn FnMut(Event)) -> Result<JsValue, WebError> {
        let request: Request = serde_json::from_str(request)?;
        let mut session = self.taken()?;
        let result = session.generate(&request, emit).await;
        self.session.set(Some(session));
        to_js(&result?)
    }

    /// Log-probabilities of a text (a JSON string) or of token ids (a JSON array).
    pub async fn logprobs(&self, text: String) -> Result<JsValue, JsError> {
        let prompt: Prompt = serde_json::from_str(&text).map_err(|e| thrown(e.into()))?;
        let mut session = self.taken().map_err(thrown)?;
        let result = session.logprobs(prompt).await;
        self.session.set(Some(session));
        result.and_then(|result| to_js(&result)).map_err(thrown)
    }

    fn taken(&self) -> Result<Session, WebError> {
        self.aborted.set(false);
        self.session
            .take()
            .ok_or_else(|| WebError::Request("another call of this model is running".to_owned()))
    }
}

/// Judges a completion of a `Problem` by `JudgeOptions`, both as JSON. Gives a `Judgement`.
#[wasm_bindgen]
pub fn judge(problem: &str, completion: &str, options: &str) -> Result<JsValue, JsError> {
    let judged = || -> Result<JsValue, WebError> {
        let problem = judge::problem(serde_json::from_str(problem)?)?;
        let options: JudgeOptions = serde_json::from_str(options)?;
        to_js(&judge::judge(&problem, completion, options)?)
    };
    judged().map_err(thrown)
}

/// Scores a JSON line by one rule and `JudgeOptions` as JSON. Gives a `ScoredLine`.
#[wasm_bindgen]
pub fn score(kind: &str, line: &str, options: &str) -> Result<JsValue, JsError> {
    let scored = || -> Result<JsValue, WebError> {
        to_js(&judge::score(kind, line, serde_json::from_str(options)?)?)
    };
    scored().map_err(thrown)
}

/// `GroupAdvantages` of one group's rewards.
#[wasm_bindgen]
pub fn advantages(rewards: &[f64]) -> Result<JsValue, JsError> {
    judge::advantages(rewards).and_then(|group| to_js(&group)).map_err(thrown)
}

/// The models that are kept in this browser: an array of `CacheEntry`.
#[wasm_bindgen]
pub async fn cached() -> Result<JsValue, JsError> {
    let entries = browser::list().await.map_err(thrown)?;
    to_js(&entries).map_err(thrown)
}

/// Deletes one of them, or all.
#[wasm_bindgen(js_name = deleteCached)]
pub async fn delete_cached(key: Option<String>) -> Result<(), JsError> {
    browser::delete(key.as_deref()).await.map_err(thrown)
}

thread_local! {
    /// What the last panic said: a trap alone says nothing.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Notes what a panic says, for [`last_panic`].
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        PANIC.with_borrow_mut(|said| *said = info.to_string());
    }));
}

/// What the last panic said; empty where there was none.
#[wasm_bindgen(js_name = lastPanic)]
pub fn last_panic() -> String {
    PANIC.with_borrow(Clone::clone)
}
