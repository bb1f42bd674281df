//! Cases of other people, read where they lie: the folder `THINKLING_VERIFY` with `equiv.jsonl`
//! (`gold`, `prediction`, `expected`, `contested`), `hack.jsonl` (also `strength`, `max_ms`, and
//! `prediction_parts` or `prediction_b64` in place of `prediction`) and `language.jsonl`. Without
//! the variable the tests run on nothing and say so.

#![expect(clippy::print_stdout, reason = "the counts are what the tests are run for")]

use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use thinkling_reward::language::language_share;
use thinkling_reward::math::{Gold, Policy, Prediction, verify};
use thinkling_reward::{Language, Template};

/// The lines of a file of the folder, or none where there is no folder.
fn cases(file: &str) -> Vec<Value> {
    let Ok(folder) = std::env::var("THINKLING_VERIFY") else {
        println!("THINKLING_VERIFY is not set: no cases");
        return Vec::new();
    };
    let path = std::path::Path::new(&folder).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn prediction(case: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    if let Some(parts) = case["prediction_parts"].as_array() {
        let part = |p: &Value| text(&p[0]).repeat(p[1].as_u64().expect("a count") as usize);
        return parts.iter().map(part).collect();
    }
    match case["prediction_b64"].as_str() {
        Some(base64) => {
            let bytes = BASE64_STANDARD.decode(base64).expect("base64");
            String::from_utf8_lossy(&bytes).into_owned()
        }
        None => text(&case["prediction"]),
    }
}

fn is_correct(case: &Value, template: Template) -> bool {
    let gold = case["gold"].as_str().expect("a gold");
    let policy = Policy::default();
    verify(Gold(gold), Prediction(&prediction(case)), template, &policy)
        .is_ok_and(|judgement| judgement.verdict.is_correct())
}

/// At least 98 % of the equal pairs are kept and 99.5 % of the others refused.
#[test]
fn equal_answers_are_kept_and_others_refused() {
    let [mut kept, mut equal, mut refused, mut other] = [0_u32; 4];
    let mut missed = Vec::new();
    for case in cases("equiv.jsonl") {
        if case["contested"].as_bool() != Some(false) {
            continue;
        }
        let expected = case["expected"].as_bool().expect("a verdict");
        let same = is_correct(&case, Template::None) == expected;
        let (right, all) =
            if expected { (&mut kept, &mut equal) } else { (&mut refused, &mut other) };
        *right += u32::from(same);
        *all += 1;
        if !same {
            missed.push(format!(
                "{expected} {} {} | {}",
                case["id"], case["gold"], case["prediction"]
            ));
        }
    }
    println!("equiv kept={kept} of {equal} refused={refused} of {other}");
    println!("missed:\n{}", missed.join("\n"));
    assert!(f64::from(kept) >= 0.98 * f64::from(equal), "kept {kept} of {equal}");
    assert!(f64::from(refused) >= 0.995 * f64::from(other), "refused {refused} of {other}");
}

/// No time is asserted; the slowest is printed.
#[test]
fn hacks_earn_nothing_and_controls_their_reward() {
    for template in [Template::R1Zero, Template::None] {
        let [mut must, mut same_must, mut policy, mut same_policy] = [0_u32; 4];
        let (mut missed, mut slowest) = (Vec::new(), (0.0, String::new()));
        for case in cases("hack.jsonl") {
            let expected = case["expected"].as_bool().expect("a verdict");
            let clock = Instant::now();
            let same = is_correct(&case, template) == expected;
            let ms = clock.elapsed().as_secs_f64() * 1e3;
            if ms > slowest.0 {
                slowest = (ms, case["id"].to_string());
            }
            let firm = case["strength"] == "must";
            let (right, all) = match firm {
                true => (&mut same_must, &mut must),
                false => (&mut same_policy, &mut policy),
            };
            *right += u32::from(same);
            *all += 1;
            if !same {
                let text: String = prediction(&case).chars().take(200).collect();
                missed
                    .push(format!("{firm} {expected} {} {} | {text:?}", case["id"], case["gold"]));
            }
        }
        println!(
            "hack {template:?} must={same_must} of {must} policy={same_policy} of {policy} slowest={:.1} ms {}",
            slowest.0, slowest.1
        );
        println!("missed:\n{}", missed.join("\n"));
        assert_eq!(same_must, must, "{template:?}");
    }
}

#[test]
fn language_shares_lie_where_expected() {
    let cases = cases("language.jsonl");
    let text = |case: &Value| case["text"].as_str().expect("a text").to_owned();
    let (mut checked, mut missed) = (0, Vec::new());
    for case in cases.iter().filter(|case| case["type"] == "range") {
        for (code, target) in [("zh", Language::Zh), ("en", Language::En)] {
            let share = language_share(&text(case), target);
            let range = [0, 1].map(|i| case[code][i].as_f64().unwrap_or(i as f64));
            let undefined = case["undefined"] == true;
            let allowed = if undefined { 0.0..=1.0 } else { range[0]..=range[1] };
            checked += 1;
            if !allowed.contains(&share) {
                missed.push(format!("{} {code} {share} not in {allowed:?}", case["id"]));
            }
        }
    }
    for case in cases.iter().filter(|case| case["type"] == "order") {
        let find = |key: &str| cases.iter().find(|other| other["id"] == case[key]);
        let (Some(greater), Some(less)) = (find("greater"), find("less")) else { continue };
        let target: Language = serde_json::from_value(case["target"].clone()).expect("a code");
        let shares = [greater, less].map(|case| language_share(&text(case), target));
        checked += 1;
        if shares[0] <= shares[1] {
            missed.push(format!("{} {shares:?}", case["id"]));
        }
    }
    println!("language checked={checked}");
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
