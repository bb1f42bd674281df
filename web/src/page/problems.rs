//! Problems of the test split, and questions of the visitor's.

use std::cell::RefCell;

use js_sys::{Array, Math};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::gold;
use crate::page::dom::{language, window};
use crate::page::models::beside_page;
use crate::page::object::{field, object};

/// A question, and what a completion of it is judged by.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) question: String,
    /// The problem as the client takes it, where there is a gold answer.
    pub(crate) problem: Option<JsValue>,
    pub(crate) gold: String,
    pub(crate) countdown: bool,
}

impl Asked {
    /// A question that was typed; its gold answer was given, can be worked out, or is not known.
    pub(crate) fn typed(question: &str, gold: &str) -> Self {
        let worked_out = gold::of_question(question).map(|value| value.to_string());
        let gold = Some(gold.trim().to_owned()).filter(|gold| !gold.is_empty()).or(worked_out);
        let problem = gold.as_ref().map(|gold| {
            let plain = gold.parse::<f64>().is_ok();
            let kind = if plain { "number" } else { "math" };
            object(&[
                ("id", "typed".into()),
                ("question", question.into()),
                ("task", object(&[("kind", kind.into()), ("gold", gold.into())])),
                ("language", language_of(question).into()),
            ])
        });
        Self {
            question: question.to_owned(),
            problem,
            gold: gold.unwrap_or_default(),
            countdown: false,
        }
    }

    fn drawn(problem: JsValue) -> Self {
        let text = |value: &JsValue, name| field(value, name).as_string();
        let task = field(&problem, "task");
        let countdown = text(&task, "kind").as_deref() == Some("countdown");
        let gold = text(&task, if countdown { "target" } else { "gold" }).unwrap_or_default();
        let question = text(&problem, "question").unwrap_or_default();
        Self { question, problem: Some(problem), gold, countdown }
    }
}

/// `zh` for a text with Han characters, else `en`.
fn language_of(text: &str) -> &'static str {
    if text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c)) { "zh" } else { "en" }
}

thread_local! {
    static PROBLEMS: RefCell<Option<Array>> = const { RefCell::new(None) };
}

async fn all() -> Result<Array, JsValue> {
    if let Some(problems) = PROBLEMS.with_borrow(Clone::clone) {
        return Ok(problems);
    }
    let response: Response =
        JsFuture::from(window().fetch_with_str(&beside_page("problems.json"))).await?.dyn_into()?;
    if !response.ok() {
        return Err(JsValue::from_str("problems.json: not found"));
    }
    let problems: Array = JsFuture::from(response.json()?).await?.dyn_into()?;
    PROBLEMS.set(Some(problems.clone()));
    Ok(problems)
}

/// A problem of that level (`""` for any) in the page's language, by chance.
pub(crate) async fn draw(level: &str) -> Result<Option<Asked>, JsValue> {
    let tag = language().tag();
    let fits: Vec<JsValue> = all()
        .await?
        .iter()
        .filter(|problem| field(problem, "language").as_string().is_none_or(|l| l == tag))
        .filter(|problem| level.is_empty() || level_of(problem) == level)
        .collect();
    let index = (Math::random() * fits.len() as f64) as usize;
    Ok(fits.into_iter().nth(index).map(Asked::drawn))
}

fn level_of(problem: &JsValue) -> String {
    let level = field(problem, "level");
    level.as_string().or_else(|| level.as_f64().map(|n| n.to_string())).unwrap_or_default()
}
