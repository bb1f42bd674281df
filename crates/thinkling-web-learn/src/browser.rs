//! What `js/worker.js` calls.
//!
//! Results are JSON in the shapes of `js/learn.d.ts`. One call runs at a time: the worker keeps the
//! others waiting.

mod device;
mod reason;
mod timing;

use crate::material::Material;
use crate::session::Session;
use device::{Choice, Wish, choose};
use js_sys::Function;
use serde::Serialize;
use std::fmt::Display;
use std::rc::Rc;
use timing::breathe;
use wasm_bindgen::prelude::*;

/// A base model that learns in this worker.
#[derive(Debug)]
#[wasm_bindgen]
pub struct WebLearner {
    session: Session,
    info: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    parameters: usize,
    #[serde(flatten)]
    choice: &'a Choice,
    questions_per_step: usize,
    group_size: usize,
    max_tokens: usize,
}

#[wasm_bindgen]
impl WebLearner {
    /// Reads a model's files and chooses its device: `device` is `auto`, `gpu` or `cpu`,
    /// `adapter` the name of the GPU where the browser offers one. `notice` is called with what is
    /// going on, a `LearnNotice` as JSON.
    ///
    /// # Errors
    /// Files that are damaged or unsupported, an unknown device, a GPU that was asked for and is
    /// not there or computes wrong numbers.
    pub async fn create(
        config: String,
        tokenizer: Vec<u8>,
        weights: Vec<u8>,
        device: String,
        adapter: Option<String>,
        seed: u32,
        notice: Function,
    ) -> Result<WebLearner, JsError> {
        let wish = Wish::read(&device).ok_or_else(|| {
            JsError::new(&format!("device, expected: auto, gpu or cpu, got: {device}"))
        })?;
        let material = Material::new(&config, &tokenizer, weights, seed.into()).map_err(error)?;
        let notice = |what: reason::Notice| {
            if let Ok(what) = json(&what) {
                // What a page does with a notice cannot stop the learner.
                let _ = notice.call1(&JsValue::NULL, &what.into());
            }
        };
        let (session, choice) = choose(&Rc::new(material), wish, adapter, notice).await?;
        let numbers = session.numbers();
        let info = json(&Info {
            parameters: session.model().config().parameter_count(),
            choice: &choice,
            questions_per_step: numbers.questions_per_step,
            group_size: numbers.group_size,
            max_tokens: numbers.max_completion_tokens,
        })?;
        Ok(Self { session, info })
    }

    /// `LearnerInfo`.
    pub fn info(&self) -> String {
        self.info.clone()
    }

    /// One step; gives a `StepReport`.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn step(&mut self) -> Result<String, JsError> {
        json(&self.session.step().await.map_err(error)?)
    }

    /// Begins again with the base.
    pub fn reset(&mut self) {
        self.session.reset();
    }

    /// Gives an `Evaluation` of the base, or of the model as it is now. The worker hears messages
    /// while it runs.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn evaluate(&self, of_base: bool, problems: usize) -> Result<String, JsError> {
        json(&self.session.evaluate(of_base, problems, breathe).await.map_err(error)?)
    }

    /// A problem of the test split, answered greedily by both.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn compare(&self, seed: u32) -> Result<String, JsError> {
        json(&self.session.compare(seed.into()).await.map_err(error)?)
    }

    /// The weights as they are now, as `model.safetensors`.
    ///
    /// # Errors
    /// A device that fails.
    #[wasm_bindgen(js_name = exportWeights)]
    pub async fn export_weights(&self) -> Result<Vec<u8>, JsError> {
        self.session.export().await.map_err(error)
    }
}

/// Makes a panic an exception that says what happened; without it the browser says `unreachable`.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| wasm_bindgen::throw_str(&info.to_string())));
}

fn error(error: impl Display) -> JsError {
    JsError::new(&error.to_string())
}

fn json(value: &impl Serialize) -> Result<String, JsError> {
    serde_json::to_string(value).map_err(error)
}
