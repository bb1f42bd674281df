//! Why a model runs on the CPU: a code with its numbers, which a page words in its own language.

use serde::Serialize;
use thinkling_engine::EngineError;

/// Why a model does not run on the GPU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Which reason.
    #[serde(flatten)]
    pub code: ReasonCode,
    /// All of it, in English.
    pub message: String,
}

/// Kinds of reasons.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum ReasonCode {
    /// The browser offers none that can be opened.
    NoGpu,
    /// It computes on the CPU.
    SoftwareGpu,
    /// It computes wrongly.
    SelfTest {
        /// Largest difference of two logits over the largest logit; none where it is no number.
        share: Option<f64>,
        /// What is let pass.
        tolerance: f64,
    },
    /// It has too little of something.
    GpuLimit {
        /// Of what, in English.
        what: String,
        /// What is needed.
        expected: u64,
        /// What it has.
        got: u64,
    },
    /// It failed while the model was put on it.
    GpuFailed,
    /// It was lost, and did not come back.
    GpuLost,
}

impl ReasonCode {
    /// Of an error while a model is put on a GPU.
    pub(crate) fn of(error: &EngineError) -> Self {
        match *error {
            EngineError::SelfTest { share, tolerance } => Self::SelfTest {
                share: Some(f64::from(share)).filter(|share| share.is_finite()),
                tolerance: tolerance.into(),
            },
            EngineError::Limit { what, expected, got } => {
                Self::GpuLimit { what: what.to_owned(), expected, got }
            }
            _ => Self::GpuFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reason_is_a_code_with_numbers_and_words() {
        let said = |error: EngineError| {
            let (code, message) = (ReasonCode::of(&error), error.to_string());
            serde_json::to_value(Reason { code, message }).unwrap()
        };
        let wrong = said(EngineError::SelfTest { share: 0.5, tolerance: 0.25 });
        assert_eq!((&wrong["code"], &wrong["share"]), (&json!("self-test"), &json!(0.5)));
        assert!(wrong["message"].as_str().unwrap().contains("computes wrongly"));
        let nan = said(EngineError::SelfTest { share: f32::INFINITY, tolerance: 0.25 });
        assert_eq!((&nan["share"], &nan["tolerance"]), (&json!(null), &json!(0.25)));
        let little = said(EngineError::Limit { what: "storage buffers", expected: 6, got: 4 });
        assert_eq!((&little["code"], &little["got"]), (&json!("gpu-limit"), &json!(4)));
        assert_eq!(said(EngineError::Gpu("gone".into()))["code"], "gpu-failed");
    }
}
