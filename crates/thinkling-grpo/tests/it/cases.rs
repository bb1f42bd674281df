//! The cases of a file of reference losses and gradients, for tests on the host and in a browser.

use burn::tensor::{DType, Device};
use serde_json::Value;
use thinkling_grpo::{
    BatchScale, ImportanceCorrection, KlEstimator, LossType, ObjectiveConfig, ObjectiveInputs,
    ObjectiveStats, RatioLevel,
};

use crate::support::{assert_close, mask_on, matrix_on, vector_on};

/// f32 carries 7 digits; a loss sums tens of terms.
pub(crate) const F32: (f64, f64) = (1e-5, 1e-4);
/// The reference keeps some metrics in f32.
const METRIC: (f64, f64) = (1e-6, 1e-5);

/// Losses that this crate does not have.
const OTHER_LOSSES: [&str; 3] = ["sapo", "luspo", "vespo"];
/// Options that this crate does not have; a case that names one is skipped.
const OTHER_OPTIONS: [&str; 3] =
    ["top_entropy_quantile", "off_policy_mask_threshold", "use_bias_correction_kl"];

/// Whether a case is of a method that this crate does not have.
pub(crate) fn is_other_method(config: &Value) -> bool {
    let loss = config["loss_type"].as_str().expect("a case names its loss_type");
    OTHER_LOSSES.contains(&loss) || OTHER_OPTIONS.iter().any(|key| config.get(*key).is_some())
}

/// A case's options, over the defaults that the file states.
pub(crate) struct Options<'a> {
    whole: &'a Value,
    case: &'a Value,
    defaults: &'a Value,
}

impl<'a> Options<'a> {
    pub(crate) fn new(golden: &'a Value, case: &'a Value) -> Self {
        Self { whole: case, case: &case["config"], defaults: &golden["trl_defaults"] }
    }

    pub(crate) fn get(&self, key: &str) -> &'a Value {
        self.case.get(key).unwrap_or(&self.defaults[key])
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.get(key).as_f64()
    }

    pub(crate) fn count(&self, key: &str) -> Option<usize> {
        self.get(key).as_u64().map(|count| count as usize)
    }

    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key).as_str()
    }

    pub(crate) fn objective(&self) -> ObjectiveConfig {
        let named = |key: &str| self.get(key).clone();
        let loss: LossType = serde_json::from_value(named("loss_type")).expect("a known loss_type");
        let ratio: RatioLevel =
            serde_json::from_value(named("importance_sampling_level")).expect("a known level");
        let kl: KlEstimator = match self.get("kl_estimator") {
            Value::Null => KlEstimator::K3,
            name => serde_json::from_value(name.clone()).expect("a known kl_estimator"),
        };
        let clip_eps_low = self.number("epsilon").expect("epsilon is a number");
        let epsilon_high = self.number("epsilon_high").unwrap_or(clip_eps_low);
        ObjectiveConfig {
            loss,
            ratio,
            clip_eps_low,
            clip_eps_high: epsilon_high,
            delta: self.number("delta"),
            // The cases give the cap of CISPO's weight itself under the clip's name.
            cispo_max_ratio: epsilon_high,
            kl_coef: self.number("beta").expect("beta is a number"),
            kl,
            entropy_coef: 0.0,
            importance_correction: ImportanceCorrection::default(),
            max_completion_length: self.count("max_completion_length"),
        }
    }

    /// The inputs of its objective on a device.
    pub(crate) fn inputs(&self, device: &Device, dtype: DType) -> ObjectiveInputs {
        let given = &self.whole["inputs"];
        let tensor = |key: &str| {
            given.get(key).filter(|v| !v.is_null()).map(|v| matrix_on(&table(v), device, dtype))
        };
        ObjectiveInputs {
            logprobs: tensor("new_logps").expect("a case has new_logps"),
            old_logprobs: tensor("old_logps"),
            sampler_logprobs: None,
            ref_logprobs: tensor("ref_logps"),
            entropies: tensor("entropies"),
            advantages: vector_on(&list(&given["advantages"]), device, dtype),
            mask: mask_on(&table(&given["mask"]), device),
            scale: self.scale(given["num_items_in_batch"].as_f64()),
        }
    }

    fn scale(&self, num_items_in_batch: Option<f64>) -> BatchScale {
        BatchScale {
            num_items_in_batch,
            gradient_accumulation_steps: self.count("gradient_accumulation_steps").unwrap_or(1),
            steps_per_generation: self.count("steps_per_generation").unwrap_or(1),
            step_rows: None,
        }
    }
}

/// Asserts that loss, gradient and statistics are those of a case.
pub(crate) fn check(
    case: &Value,
    config: &ObjectiveConfig,
    (loss, gradient, stats): (f64, &[f64], &ObjectiveStats),
    (absolute, relative): (f64, f64),
) {
    let name = case["name"].as_str().expect("a case has a name");
    let expected = case["loss"].as_f64().expect("a case has a loss");
    assert_close(&format!("{name} loss"), &[loss], &[expected], absolute, relative);
    let expected = table(&case["grad_logps"]).concat();
    assert_close(&format!("{name} gradient"), gradient, &expected, absolute, relative);

    let cispo = config.loss == LossType::Cispo;
    let metrics = [
        ("kl", stats.kl.filter(|_| config.kl_coef != 0.0)),
        ("entropy", stats.entropy),
        ("clip_ratio/low_mean", Some(stats.clip_fraction_low).filter(|_| !cispo)),
        ("clip_ratio/high_mean", Some(stats.clip_fraction_high).filter(|_| !cispo)),
        ("clip_ratio/region_mean", Some(stats.clip_fraction_region).filter(|_| !cispo)),
        ("cispo_clip_ratio", Some(stats.clip_fraction_high).filter(|_| cispo)),
        ("clip_ratio/delta_mean", Some(stats.clip_fraction_delta)),
        ("ratio/max", Some(stats.ratio_max)),
        ("approx_kl", Some(stats.approx_kl)),
    ];
    for (metric, value) in metrics {
        if let Some(expected) = case["metrics"].get(metric).and_then(Value::as_f64) {
            let value = value.unwrap_or_else(|| panic!("{name}: no {metric}"));
            let (absolute, relative) = (absolute.max(METRIC.0), relative.max(METRIC.1));
            assert_close(&format!("{name} {metric}"), &[value], &[expected], absolute, relative);
        }
    }
}

pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or_else(|| panic!("expected an array, got: {value}"), Vec::as_slice)
}

pub(crate) fn list(value: &Value) -> Vec<f64> {
    array(value).iter().map(|v| v.as_f64().expect("a number")).collect()
}

pub(crate) fn table(value: &Value) -> Vec<Vec<f64>> {
    array(value).iter().map(list).collect()
}
