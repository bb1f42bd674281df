//! The model client `thinkling-web/client.js`, whose contract is `client.d.ts` in the package.

use js_sys::Array;
use wasm_bindgen::prelude::*;

// Beside the page's own module in `dist`, where trunk copies the package.
#[wasm_bindgen(raw_module = "./thinkling-web/client.js")]
extern "C" {
    /// Loads a model into a new worker.
    #[wasm_bindgen(catch)]
    pub(crate) async fn load(source: &JsValue, options: &JsValue) -> Result<JsValue, JsValue>;
    /// Models that are kept in this browser.
    #[wasm_bindgen(catch)]
    pub(crate) async fn cached() -> Result<JsValue, JsValue>;
    /// Deletes a model that is kept; all of them for `undefined`.
    #[wasm_bindgen(catch, js_name = deleteCached)]
    pub(crate) async fn delete_cached(key: &JsValue) -> Result<JsValue, JsValue>;
}

// Shapes of plain objects: nothing is imported for them.
#[wasm_bindgen]
extern "C" {
    /// A loaded model.
    #[derive(Clone)]
    pub(crate) type Model;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn info(this: &Model) -> ModelInfo;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn generate(
        this: &Model,
        request: &JsValue,
        on_token: &JsValue,
        signal: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn chat(
        this: &Model,
        request: &JsValue,
        on_chunk: &JsValue,
        signal: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn judge(
        this: &Model,
        problem: &JsValue,
        completion: &str,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn score(
        this: &Model,
        kind: &str,
        line: &JsValue,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn advantages(this: &Model, rewards: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn dispose(this: &Model);

    #[derive(Clone)]
    pub(crate) type ModelInfo;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn name(this: &ModelInfo) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn parameters(this: &ModelInfo) -> f64;
    #[wasm_bindgen(method, getter, js_name = weightBytes)]
    pub(crate) fn weight_bytes(this: &ModelInfo) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn formats(this: &ModelInfo) -> Array;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn device(this: &ModelInfo) -> DeviceInfo;
    #[wasm_bindgen(method, getter, js_name = gpuBytes)]
    pub(crate) fn gpu_bytes(this: &ModelInfo) -> f64;
    #[wasm_bindgen(method, getter, js_name = wasmBytes)]
    pub(crate) fn wasm_bytes(this: &ModelInfo) -> f64;
    #[wasm_bindgen(method, getter, js_name = hasChatTemplate)]
    pub(crate) fn has_chat_template(this: &ModelInfo) -> bool;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn template(this: &ModelInfo) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = formatRule)]
    pub(crate) fn format_rule(this: &ModelInfo) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = loadSeconds)]
    pub(crate) fn load_seconds(this: &ModelInfo) -> f64;

    /// Where a model or a learner runs.
    pub(crate) type DeviceInfo;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn name(this: &DeviceInfo) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reason(this: &DeviceInfo) -> JsValue;

    pub(crate) type LoadProgress;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn stage(this: &LoadProgress) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn done(this: &LoadProgress) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn total(this: &LoadProgress) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn cached(this: &LoadProgress) -> bool;

    pub(crate) type Notice;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn kind(this: &Notice) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn message(this: &Notice) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reason(this: &Notice) -> JsValue;

    pub(crate) type Token;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn completion(this: &Token) -> usize;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn logprob(this: &Token) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn text(this: &Token) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn parts(this: &Token) -> Array;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn meter(this: &Token) -> Option<Meter>;

    #[derive(Clone)]
    pub(crate) type Meter;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn tags(this: &Meter) -> Array;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn format(this: &Meter) -> bool;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn language(this: &Meter) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn repetition(this: &Meter) -> f64;
    #[wasm_bindgen(method, getter, js_name = reflectiveWords)]
    pub(crate) fn reflective_words(this: &Meter) -> u32;

    pub(crate) type Part;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn kind(this: &Part) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn text(this: &Part) -> String;

    pub(crate) type GenerateResult;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn completions(this: &GenerateResult) -> Array;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn timing(this: &GenerateResult) -> Timing;

    #[derive(Clone)]
    pub(crate) type Completion;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn ids(this: &Completion) -> Array;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn text(this: &Completion) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reasoning(this: &Completion) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn content(this: &Completion) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn finish(this: &Completion) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn meter(this: &Completion) -> Option<Meter>;

    #[derive(Clone)]
    pub(crate) type Timing;
    #[wasm_bindgen(method, getter, js_name = firstTokenSeconds)]
    pub(crate) fn first_token_seconds(this: &Timing) -> f64;
    #[wasm_bindgen(method, getter, js_name = tokensPerSecond)]
    pub(crate) fn tokens_per_second(this: &Timing) -> f64;

    pub(crate) type Judgement;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn verdict(this: &Judgement) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn total(this: &Judgement) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn components(this: &Judgement) -> Array;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn extracted(this: &Judgement) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reason(this: &Judgement) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn language(this: &Judgement) -> Option<f64>;

    pub(crate) type RewardComponent;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn name(this: &RewardComponent) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn value(this: &RewardComponent) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn weight(this: &RewardComponent) -> f64;

    pub(crate) type ScoredLine;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reward(this: &ScoredLine) -> f64;

    pub(crate) type GroupAdvantages;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn mean(this: &GroupAdvantages) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn std(this: &GroupAdvantages) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn advantages(this: &GroupAdvantages) -> Array;

    pub(crate) type CacheEntry;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn key(this: &CacheEntry) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn url(this: &CacheEntry) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn bytes(this: &CacheEntry) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn total(this: &CacheEntry) -> f64;
}

impl ModelInfo {
    /// Whether training rewarded R1's format, thinking and then a reply, instead of R1-Zero's.
    pub(crate) fn thinks_only(&self) -> bool {
        self.format_rule().as_deref() == Some("think-only")
    }
}

/// The elements of an array that the contract says are of one shape.
pub(crate) fn items<T: JsCast>(array: &Array) -> Vec<T> {
    array.iter().map(JsCast::unchecked_into).collect()
}
