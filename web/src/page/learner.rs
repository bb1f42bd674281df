//! The learner `thinkling-web-learn/learn.js`, whose contract is `learn.d.ts` in the package.
//!
//! Its program is large: the module is imported when a visitor starts it, not before.

use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::page::client::DeviceInfo;
use crate::page::object::field;

#[wasm_bindgen(module = "/src/page/import.js")]
extern "C" {
    /// The module at an address; rejects where there is none.
    #[wasm_bindgen(catch, js_name = importModule)]
    async fn import_module(url: &str) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub(crate) type Learner;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn info(this: &Learner) -> LearnerInfo;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn start(this: &Learner, on_step: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn pause(this: &Learner) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn reset(this: &Learner) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn evaluate(
        this: &Learner,
        which: &str,
        problems: u32,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn compare(this: &Learner, seed: f64) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exportWeights)]
    pub(crate) async fn export_weights(this: &Learner) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn dispose(this: &Learner);

    pub(crate) type LearnerInfo;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn parameters(this: &LearnerInfo) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn device(this: &LearnerInfo) -> DeviceInfo;
    #[wasm_bindgen(method, getter, js_name = questionsPerStep)]
    pub(crate) fn questions_per_step(this: &LearnerInfo) -> u32;
    #[wasm_bindgen(method, getter, js_name = groupSize)]
    pub(crate) fn group_size(this: &LearnerInfo) -> u32;
    #[wasm_bindgen(method, getter, js_name = maxTokens)]
    pub(crate) fn max_tokens(this: &LearnerInfo) -> u32;

    #[derive(Clone)]
    pub(crate) type StepReport;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn step(this: &StepReport) -> u32;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reward(this: &StepReport) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn accuracy(this: &StepReport) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn format(this: &StepReport) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn length(this: &StepReport) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn seconds(this: &StepReport) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn group(this: &StepReport) -> ShownGroup;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn alarm(this: &StepReport) -> JsValue;

    #[derive(Clone)]
    pub(crate) type ShownGroup;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn question(this: &ShownGroup) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn gold(this: &ShownGroup) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn completions(this: &ShownGroup) -> Array;

    pub(crate) type ShownCompletion;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn text(this: &ShownCompletion) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reward(this: &ShownCompletion) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn advantage(this: &ShownCompletion) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn verdict(this: &ShownCompletion) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn tokens(this: &ShownCompletion) -> u32;

    #[derive(Clone)]
    pub(crate) type Evaluation;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn accuracy(this: &Evaluation) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn format(this: &Evaluation) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn length(this: &Evaluation) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn problems(this: &Evaluation) -> u32;

    pub(crate) type Comparison;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn question(this: &Comparison) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn gold(this: &Comparison) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn base(this: &Comparison) -> Answer;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn now(this: &Comparison) -> Answer;

    pub(crate) type Answer;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn text(this: &Answer) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reward(this: &Answer) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn verdict(this: &Answer) -> String;
}

/// Fetches the training program and makes a learner.
pub(crate) async fn create(program: &str, options: &JsValue) -> Result<Learner, JsValue> {
    let module = import_module(program).await?;
    let create: Function = field(&module, "createLearner").dyn_into()?;
    let promise: Promise = create.call1(&JsValue::UNDEFINED, options)?.dyn_into()?;
    Ok(JsFuture::from(promise).await?.unchecked_into())
}

/// The bytes of exported weights.
pub(crate) fn weights(value: JsValue) -> Uint8Array {
    value.unchecked_into()
}
