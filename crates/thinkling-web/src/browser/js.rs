//! The worker's own interfaces.

use crate::WebError;
use std::cell::RefCell;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel};

/// The worker.
pub(crate) fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Seconds since the worker began.
pub(crate) fn now() -> f64 {
    scope().performance().map_or(0.0, |performance| performance.now() / 1000.0)
}

/// What JavaScript has thrown, in words.
pub(crate) fn words(thrown: &JsValue) -> String {
    let error = thrown.dyn_ref::<js_sys::Error>();
    error.map_or_else(|| format!("{thrown:?}"), |error| String::from(error.message()))
}

/// The name of what JavaScript has thrown, such as `NotFoundError`.
pub(crate) fn name_of(thrown: &JsValue) -> String {
    thrown.dyn_ref::<js_sys::Error>().map(|error| String::from(error.name())).unwrap_or_default()
}

/// What the browser refused, as an error.
pub(crate) fn refused(action: &'static str) -> impl Fn(JsValue) -> WebError {
    move |thrown| WebError::Browser { action, reason: words(&thrown) }
}

thread_local! {
    static CHANNEL: RefCell<Option<MessageChannel>> = const { RefCell::new(None) };
}

/// Lets the event loop have its turn: messages to the worker, such as an abort, are read. Timers
/// would wait for milliseconds; a message to oneself does not.
pub(crate) async fn breathe() {
    let channel = CHANNEL.with_borrow_mut(|channel| {
        if channel.is_none() {
            *channel = MessageChannel::new().ok();
        }
        channel.clone()
    });
    let Some(channel) = channel else { return };
    let turn = js_sys::Promise::new(&mut |resolve, _| {
        let heard = Closure::once_into_js(move || {
            // A promise that nobody awaits any more takes this as well.
            let _ = resolve.call0(&JsValue::UNDEFINED);
        });
        channel.port1().set_onmessage(Some(heard.unchecked_ref()));
        if channel.port2().post_message(&JsValue::NULL).is_err() {
            channel.port1().set_onmessage(None);
        }
    });
    // Resolves, and never rejects.
    let _ = JsFuture::from(turn).await;
}

/// Lets so many milliseconds pass.
pub(crate) async fn wait(ms: i32) {
    let wait = js_sys::Promise::new(&mut |resolve, _| {
        let asked = scope().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
        if asked.is_err() {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = JsFuture::from(wait).await;
    breathe().await;
}
