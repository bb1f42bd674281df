//! Time and the event loop, in windows and workers.

use js_sys::{Function, Promise};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;
}

/// Seconds since the page was opened.
pub(super) fn now() -> f64 {
    performance_now() / 1e3
}

async fn sleep(seconds: f64) {
    let promise = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, seconds * 1e3);
    });
    // A timer is never rejected.
    let _ = JsFuture::from(promise).await;
}

/// Lets the event loop go round once, so that messages are heard.
pub(super) async fn breathe() {
    sleep(0.0).await;
}

/// What `work` gives, or `None` where that takes longer than `seconds`. Work is only looked at
/// where it waits itself: a computation on the CPU runs to its end.
pub(super) async fn within<T>(seconds: f64, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut timer) = (pin!(work), pin!(sleep(seconds)));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => timer.as_mut().poll(context).map(|()| None),
    })
    .await
}
