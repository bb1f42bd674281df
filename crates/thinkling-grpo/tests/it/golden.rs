//! Losses, gradients and advantages against reference cases: those of the file that
//! `THINKLING_GRPO_CASES` names, else our own `tests/golden/grpo_small.json`.

use burn::tensor::{DType, Device};
use serde_json::Value;
use thinkling_grpo::{ScaleRewards, combine_rewards, group_advantages, loss_and_grad};

use crate::cases::{F32, Options, array, check, is_other_method, list};
use crate::support::{assert_close, numbers};

/// Demanded of f64 on the CPU.
const F64: (f64, f64) = (1e-6, 1e-5);

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

fn check_loss(case: &Value, options: &Options, dtype: DType, tolerance: (f64, f64)) {
    let (inputs, config) = (options.inputs(&Device::flex(), dtype), options.objective());
    let got = loss_and_grad(&inputs, &config);
    let got = got.unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
    let gradient = numbers(got.grad);
    check(case, &config, (got.loss, &gradient, &got.stats), tolerance);
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
