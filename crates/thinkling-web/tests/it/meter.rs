//! Meters of the page's models against the rules over the text.

use crate::{devices, run, session_of};
use serde_json::Value;
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use thinkling_reward::answer::outside_answer;
use thinkling_reward::language::language_share;
use thinkling_reward::reflection::reflection_count;
use thinkling_reward::repetition::Repetition;
use thinkling_reward::{FormatRule, Language};
use thinkling_web::{Bundle, BundleFile, Event, GenerateResult, Request, Session};
use thinkling_weights::Manifest;

/// Latin words are told by sentence and not by the rule's best chain of languages.
const LANGUAGE_TOLERANCE: f64 = 0.02;

/// A model as the page has it.
fn bundle(name: &str) -> Bundle {
    let folder = Path::new("../../web/models").join(name);
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a file");
    let manifest = Manifest::parse(&read("manifest.json")).expect("a manifest");
    let file = |name: &str| BundleFile {
        name: name.to_owned(),
        file: Box::new(read(&format!("{name}.000"))),
    };
    let files = vec![file("model.gguf"), file("tokenizer.json")];
    Bundle::open(name.to_owned(), manifest.training, files).expect("a model")
}

/// A session whose clock makes so many seconds each time it is read.
fn session(name: &str, device: &str, step_s: f64, go_on: impl Fn() -> bool + 'static) -> Session {
    let time = Cell::new(0.0);
    let clock = move || time.replace(time.get() + step_s);
    session_of(bundle(name), device, clock, go_on)
}

fn request(question: &str, more: &str) -> Request {
    let json =
        format!(r#"{{"prompt":"{question}","template":"r1-zero","maxTokens":48,"seed":5{more}}}"#);
    serde_json::from_str(&json).expect("a request")
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("json")
}

/// Meters that were told with tokens: completion, tokens so far, meter.
fn told(events: &[Event]) -> Vec<(usize, usize, Value)> {
    let mut tokens = [0; 64];
    let token = |event: &Event| {
        let token = json(event)["value"].clone();
        let completion = token["completion"].as_u64().expect("a token") as usize;
        tokens[completion] += 1;
        let meter = token.get("meter")?.clone();
        Some((completion, tokens[completion], meter))
    };
    events.iter().filter_map(token).collect()
}

/// Asserts that a meter has the values of the rules over a text.
fn assert_rules(meter: &Value, text: &str, format: FormatRule, language: Language, n: usize) {
    assert_eq!(meter["format"], format.score(text) == 1.0, "{text}");
    let tags = ["<think>", "</think>", "<answer>", "</answer>"].map(|t| text.matches(t).count());
    assert_eq!(meter["tags"], json(&tags), "{text}");
    assert_eq!(meter["repetition"], Repetition::of_text(text, n).share(), "{text}");
    assert_eq!(meter["reflectiveWords"], reflection_count(text), "{text}");
    match meter["language"].as_f64() {
        Some(share) => {
            let rule = language_share(&outside_answer(text), language);
            assert!((share - rule).abs() <= LANGUAGE_TOLERANCE, "{share} for {rule}: {text}");
        }
        None => assert_eq!(meter["words"], 0, "{text}"),
    }
}

/// The page's models, and the format that each was rewarded for, where its manifest says so.
const MODELS: [(&str, Option<FormatRule>); 3] = [
    ("distilled", Some(FormatRule::ThinkOnly)),
    ("base", Some(FormatRule::ThinkOnly)),
    ("r1-zero", None),
];

const QUESTIONS: [(&str, Language); 3] = [
    ("What is 12+7-4+9?", Language::En),
    ("Compute 3-8+11-2+6.", Language::En),
    ("计算 7+8-20+3", Language::Zh),
];

#[test]
fn the_last_meter_has_the_values_of_the_rules_over_the_text() {
    for device in devices() {
        let (mut kept, mut broken, mut repeats, mut words) = (0, 0, 0, 0);
        for (name, format) in MODELS {
            let mut session = session(name, device, 1.0, || true);
            assert_eq!(json(&session.info())["formatRule"], json(&format), "{name}");
            for (question, language) in QUESTIONS {
                let request = request(question, r#","n":8,"meter":{"ngram":3}"#);
                let (result, events) = run(&mut session, &request);
                let told = told(&events);
                for (i, completion) in result.completions.iter().enumerate() {
                    let meter = json(&completion)["meter"].clone();
                    assert_rules(&meter, &completion.text, format.unwrap_or_default(), language, 3);
                    assert_eq!(meter["tokens"], completion.ids.len());
                    let last = told.iter().rfind(|(completion, ..)| *completion == i);
                    assert_eq!(last.expect("a meter").2, meter, "{device}");
                    kept += usize::from(meter["format"] == true);
                    broken += usize::from(meter["format"] == false);
                    repeats += usize::from(meter["repetition"].as_f64() > Some(0.0));
                    words += usize::from(meter["words"].as_u64() > Some(0));
                }
            }
        }
        assert!(kept > 3 && broken > 3, "{device}: {kept} keep the format, {broken} do not");
        assert!(repeats > 3 && words > 3, "{device}: {repeats} repeat, {words} have words");
    }
}

/// Every token has its meter where the clock runs fast, but on a GPU the first, which the host draws.
#[test]
fn meters_follow_each_token_on_every_device_alike() {
    let mut all: Vec<Vec<(usize, usize, Value)>> = Vec::new();
    for device in devices() {
        let mut session = session("base", device, 1.0, || true);
        let (result, events) =
            run(&mut session, &request(QUESTIONS[0].0, r#","n":4,"meter":true"#));
        let told = told(&events);
        let tokens: usize = result.completions.iter().map(|c| c.ids.len()).sum();
        let missing = told.iter().filter(|(_, tokens, _)| *tokens == 1).count();
        assert_eq!(told.len() + if device == "gpu" { 4 - missing } else { 0 }, tokens, "{device}");
        for (_, tokens, meter) in &told {
            assert_eq!(meter["tokens"], *tokens);
        }
        all.push(told.into_iter().filter(|(_, tokens, _)| *tokens > 1).collect());
    }
    assert!(all[0].len() > 20);
    all.iter().for_each(|told| assert_eq!(told, &all[0]));
}

/// What is counted costs time, which a slow clock shows: at the end it is counted in any case.
#[test]
fn meters_are_told_now_and_then_and_at_the_end_and_only_when_asked_for() {
    for device in devices() {
        let mut session = session("r1-zero", device, 0.0, || true);
        let ask = |session: &mut Session, more: &str| -> (GenerateResult, usize) {
            let (result, events) = run(session, &request(QUESTIONS[0].0, more));
            (result, told(&events).len())
        };
        let (_, count) = ask(&mut session, r#","meter":true"#);
        assert!((1..=2).contains(&count), "{device}: {count} meters");
        for more in ["", r#","meter":false"#] {
            let (result, count) = ask(&mut session, more);
            assert_eq!(count, 0);
            assert!(json(&result.completions[0]).get("meter").is_none());
        }
    }
}

#[test]
fn a_completion_that_was_stopped_has_the_meter_of_what_it_has() {
    for device in devices() {
        let passes = Rc::new(Cell::new(0));
        let counted = passes.clone();
        let mut session = session("r1-zero", device, 0.0, move || {
            counted.set(counted.get() + 1);
            counted.get() <= 8
        });
        let (result, _) = run(&mut session, &request(QUESTIONS[0].0, r#","meter":{"ngram":2}"#));
        let completion = &result.completions[0];
        assert_eq!(completion.finish, "abort");
        assert_rules(
            &json(completion)["meter"],
            &completion.text,
            FormatRule::Strict,
            Language::En,
            2,
        );
    }
}

#[test]
fn after_a_lost_device_the_meter_goes_on_with_the_tokens_before() {
    if !devices().contains(&"gpu") {
        return;
    }
    let lose: Rc<Cell<Option<thinkling_web::GpuHandle>>> = Rc::default();
    let (handle, passes) = (lose.clone(), Rc::new(Cell::new(0)));
    let counted = passes.clone();
    let mut session = session("base", "gpu", 1.0, move || {
        counted.set(counted.get() + 1);
        if counted.get() == 6
            && let Some(gpu) = handle.take()
        {
            gpu.lose();
        }
        true
    });
    let request = request(QUESTIONS[0].0, r#","n":2,"meter":{"ngram":3}"#);
    let (whole, _) = run(&mut session, &request);
    lose.set(Some(session.gpu()));
    passes.set(0);
    let (again, events) = run(&mut session, &request);
    let said = serde_json::to_string(&events).expect("json");
    assert!(said.contains("device-restored"), "{said}");
    let seen = |result: &GenerateResult| -> Vec<Value> {
        result.completions.iter().map(|c| json(&(&c.ids, &c.meter))).collect()
    };
    assert_eq!(seen(&again), seen(&whole));
    let tokens = events.iter().filter(|event| json(event)["event"] == "token").cloned();
    let told = told(&tokens.collect::<Vec<_>>());
    assert!(told.iter().all(|(_, tokens, meter)| meter["tokens"] == *tokens));
}
