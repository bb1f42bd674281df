//! Losses, gradients and advantages against reference cases: those of the file that
//! `THINKLING_GRPO_CASES` names, else our own `tests/golden/grpo_small.json`.

use burn::tensor::DType;
use serde_json::Value;
use thinkling_grpo::{
    BatchScale, ImportanceCorrection, KlEstimator, LossType, ObjectiveConfig, ObjectiveInputs,
    RatioLevel, ScaleRewards, combine_rewards, group_advantages, loss_and_grad,
};

use crate::support::{assert_close, mask, matrix, numbers, vector};

/// Demanded of f64 on the CPU.
const F64: (f64, f64) = (1e-6, 1e-5);
/// f32 carries 7 digits; a loss sums tens of terms.
const F32: (f64, f64) = (1e-5, 1e-4);
/// The reference keeps some metrics in f32.
const METRIC: (f64, f64) = (1e-6, 1e-5);

/// Losses that this crate does not have.
const OTHER_LOSSES: [&str; 3] = ["sapo", "luspo", "vespo"];
/// Options that this crate does not have; a case that names one is skipped.
const OTHER_OPTIONS: [&str; 3] =
    ["top_entropy_quantile", "off_policy_mask_threshold", "use_bias_correction_kl"];

#[derive(Debug, PartialEq)]
struct Counts {
    loss_ran: usize,
    loss_skipped: usize,
    adv_ran: usize,
}

/// From the package's folder, in which cargo runs tests.
const OWN: &str = "tests/golden/grpo_small.json";

#[test]
fn reference_cases_hold() {
    let own = OWN.into();
    let path = std::env::var_os("THINKLING_GRPO_CASES").unwrap_or(own);
    let counts = run(&read(&path), DType::F64, F64);
    report(&counts);
    assert!(counts.loss_ran > 0 && counts.adv_ran > 0, "no case ran: {counts:?}");
}

#[test]
fn own_cases_hold_in_f32() {
    let counts = run(&read(OWN.as_ref()), DType::F32, F32);
    assert_eq!(counts, Counts { loss_ran: 39, loss_skipped: 0, adv_ran: 9 });
}

#[allow(clippy::print_stdout, reason = "the line is read by whoever runs the reference cases")]
fn report(Counts { loss_ran, loss_skipped, adv_ran }: &Counts) {
    // On one thread the harness has begun a line with the test's name.
    println!("\ngrpo-cases loss_ran={loss_ran} loss_skipped={loss_skipped} adv_ran={adv_ran}");
}

fn read(path: &std::ffi::OsStr) -> Value {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("reading the cases {}: {error}", path.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("parsing the cases {}: {error}", path.display()))
}

fn run(golden: &Value, dtype: DType, tolerance: (f64, f64)) -> Counts {
    let mut counts = Counts { loss_ran: 0, loss_skipped: 0, adv_ran: 0 };
    for case in array(&golden["cases"]) {
        if is_other_method(&case["config"]) {
            counts.loss_skipped += 1;
        } else {
            check_loss(case, &Options::new(golden, case), dtype, tolerance);
            counts.loss_ran += 1;
        }
    }
    for case in array(&golden["advantage_cases"]) {
        let options = Options::new(golden, case);
        if options.text("multi_objective_aggregation") != Some("normalize_then_sum") {
            check_advantages(case, &options);
            counts.adv_ran += 1;
        }
    }
    counts
}

fn is_other_method(config: &Value) -> bool {
    let loss = config["loss_type"].as_str().expect("a case names its loss_type");
    OTHER_LOSSES.contains(&loss) || OTHER_OPTIONS.iter().any(|key| config.get(*key).is_some())
}

/// A case's options, over the defaults that the file states.
struct Options<'a> {
    case: &'a Value,
    defaults: &'a Value,
}

impl<'a> Options<'a> {
    fn new(golden: &'a Value, case: &'a Value) -> Self {
        Self { case: &case["config"], defaults: &golden["trl_defaults"] }
    }

    fn get(&self, key: &str) -> &'a Value {
        self.case.get(key).unwrap_or(&self.defaults[key])
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.get(key).as_f64()
    }

    fn count(&self, key: &str) -> Option<usize> {
        self.get(key).as_u64().map(|count| count as usize)
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key).as_str()
    }

    fn objective(&self) -> ObjectiveConfig {
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
            importance_correction: ImportanceCorrection::default(),
            max_completion_length: self.count("max_completion_length"),
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

fn check_loss(case: &Value, options: &Options, dtype: DType, (absolute, relative): (f64, f64)) {
    let name = case["name"].as_str().expect("a case has a name");
    let given = &case["inputs"];
    let tensor =
        |key: &str| given.get(key).filter(|v| !v.is_null()).map(|v| matrix(&table(v), dtype));
    let inputs = ObjectiveInputs {
        logprobs: tensor("new_logps").expect("a case has new_logps"),
        old_logprobs: tensor("old_logps"),
        sampler_logprobs: None,
        ref_logprobs: tensor("ref_logps"),
        entropies: tensor("entropies"),
        advantages: vector(&list(&given["advantages"]), dtype),
        mask: mask(&table(&given["mask"])),
        scale: options.scale(given["num_items_in_batch"].as_f64()),
    };
    let config = options.objective();
    let got = loss_and_grad(&inputs, &config).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected = case["loss"].as_f64().expect("a case has a loss");
    assert_close(&format!("{name} loss"), &[got.loss], &[expected], absolute, relative);
    let expected = table(&case["grad_logps"]).concat();
    let gradient = numbers(got.grad);
    assert_close(&format!("{name} gradient"), &gradient, &expected, absolute, relative);

    let cispo = config.loss == LossType::Cispo;
    let stats = [
        ("kl", got.stats.kl.filter(|_| config.kl_coef != 0.0)),
        ("entropy", got.stats.entropy),
        ("clip_ratio/low_mean", Some(got.stats.clip_fraction_low).filter(|_| !cispo)),
        ("clip_ratio/high_mean", Some(got.stats.clip_fraction_high).filter(|_| !cispo)),
        ("clip_ratio/region_mean", Some(got.stats.clip_fraction_region).filter(|_| !cispo)),
        ("cispo_clip_ratio", Some(got.stats.clip_fraction_high).filter(|_| cispo)),
        ("clip_ratio/delta_mean", Some(got.stats.clip_fraction_delta)),
        ("ratio/max", Some(got.stats.ratio_max)),
        ("approx_kl", Some(got.stats.approx_kl)),
    ];
    for (metric, value) in stats {
        if let Some(expected) = case["metrics"].get(metric).and_then(Value::as_f64) {
            let value = value.unwrap_or_else(|| panic!("{name}: no {metric}"));
            let (absolute, relative) = (absolute.max(METRIC.0), relative.max(METRIC.1));
            assert_close(&format!("{name} {metric}"), &[value], &[expected], absolute, relative);
        }
    }
}

fn check_advantages(case: &Value, options: &Options) {
    let name = case["name"].as_str().expect("a case has a name");
    let optional =
        |row: &Value| -> Vec<Option<f64>> { array(row).iter().map(Value::as_f64).collect() };
    let rows: Vec<Vec<Option<f64>>> =
        array(&case["rewards_per_func"]).iter().map(optional).collect();
    let weights = list(options.get("reward_weights"));
    let rewards =
        combine_rewards(&rows, &weights).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected = optional(&case["rewards"]);
    let missing =
        |rewards: &[Option<f64>]| -> Vec<bool> { rewards.iter().map(Option::is_none).collect() };
    assert_eq!(missing(&rewards), missing(&expected), "{name}: missing rewards");
    let close = |what: &str, got: &[f64], expected: &[f64]| {
        assert_close(&format!("{name} {what}"), got, expected, F64.0, F64.1);
    };
    let known = |rewards: Vec<Option<f64>>| -> Vec<f64> { rewards.into_iter().flatten().collect() };
    close("rewards", &known(rewards.clone()), &known(expected));

    let scale: ScaleRewards = serde_json::from_value(options.get("scale_rewards").clone())
        .expect("a known scale_rewards");
    let size = options.count("num_generations").expect("num_generations is a number");
    let got =
        group_advantages(&rewards, size, scale).unwrap_or_else(|error| panic!("{name}: {error}"));
    close("advantages", &got.advantages, &list(&case["advantages"]));
    let std = (0..rewards.len()).map(|row| got.std_of(row).expect("a spread for each row"));
    let std: Vec<f64> = std.collect();
    close("std", &std, &list(&case["std"]));
    let flat: Vec<bool> = match scale {
        ScaleRewards::Batch => vec![got.batch_std < 1e-8; rewards.len()],
        _ => got.groups_without_variance().into_iter().flat_map(|flat| vec![flat; size]).collect(),
    };
    let expected: Vec<Option<bool>> =
        array(&case["is_std_zero"]).iter().map(Value::as_bool).collect();
    let flat: Vec<Option<bool>> = flat.into_iter().map(Some).collect();
    assert_eq!(flat, expected, "{name}: groups without variance");
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or_else(|| panic!("expected an array, got: {value}"), Vec::as_slice)
}

fn list(value: &Value) -> Vec<f64> {
    array(value).iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn table(value: &Value) -> Vec<Vec<f64>> {
    array(value).iter().map(list).collect()
}
