//! Sessions, as the worker has them but without a browser.
#![cfg(not(target_family = "wasm"))]

mod meter;

use pollster::block_on;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;
use thinkling_engine::{Adapter, Capacity, Engine, Keep, WeightsReader};
use thinkling_sampling::generate::{GenerateRequest, generate};
use thinkling_sampling::{SamplingParams, StopRules};
use thinkling_text::{Tokenizer, r1_zero_prompt};
use thinkling_web::{
    Bundle, BundleFile, Event, GenerateResult, GpuHandle, LoadOptions, Prompt, Request, Session,
    WebError,
};
use thinkling_weights::{Checkpoint, Training};

const BASE: &str = "../../recipes/mini-world-base";
const QUESTION: &str = "What is 3 + 4";

fn files(names: &[&str]) -> Vec<BundleFile> {
    let read = |name: &&str| BundleFile {
        name: (*name).to_owned(),
        file: Box::new(std::fs::read(Path::new(BASE).join(name)).expect("a file")),
    };
    names.iter().map(read).collect()
}

fn bundle() -> Bundle {
    let names = ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors"];
    let training = Training { template: Some("r1-zero".into()), format_rule: None };
    Bundle::open("base".into(), training, files(&names)).expect("a model")
}

/// A session that is told before each pass whether to go on.
fn session(device: &str, go_on: impl Fn() -> bool + 'static) -> Session {
    let clock = Instant::now();
    session_of(bundle(), device, move || clock.elapsed().as_secs_f64(), go_on)
}

fn session_of(
    bundle: Bundle,
    device: &str,
    clock: impl Fn() -> f64 + 'static,
    go_on: impl Fn() -> bool + 'static,
) -> Session {
    let options: LoadOptions =
        serde_json::from_str(&format!(r#"{{"device":"{device}","context":200}}"#)).unwrap();
    let pass = move || -> std::pin::Pin<Box<dyn Future<Output = ControlFlow<()>>>> {
        let go_on = go_on();
        Box::pin(
            async move { if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) } },
        )
    };
    block_on(Session::open(bundle, options, Box::new(clock), pass, &mut |_| {})).expect("a session")
}

/// The devices that there are here.
fn devices() -> Vec<&'static str> {
    match block_on(Adapter::new()) {
        Ok(_) => vec!["cpu", "gpu"],
        Err(e) if std::env::var_os("REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(_) => vec!["cpu"],
    }
}

fn request(more: &str) -> Request {
    serde_json::from_str(&format!(
        r#"{{"prompt":"{QUESTION}","template":"r1-zero","maxTokens":40{more}}}"#
    ))
    .expect("a request")
}

fn run(session: &mut Session, request: &Request) -> (GenerateResult, Vec<Event>) {
    let mut events = Vec::new();
    let result = block_on(session.generate(request, &mut |event| events.push(event)));
    (result.expect("completions"), events)
}

/// What the engine gives without a session around it.
fn expected(n: usize, sampling: SamplingParams, seed: u64) -> Vec<Vec<u32>> {
    let checkpoint = Checkpoint::open(Path::new(BASE)).unwrap();
    let json = std::fs::read(Path::new(BASE).join("tokenizer.json")).unwrap();
    let tokenizer = Tokenizer::from_json(&json).unwrap();
    let prompts = [tokenizer.encode(&r1_zero_prompt(QUESTION)).unwrap()];
    let stop_ids = checkpoint.config().eos_token_ids.clone();
    let request = GenerateRequest {
        group_size: n,
        sampling,
        seed,
        stop: StopRules { stop_ids, max_tokens: 40 },
        ..GenerateRequest::new(&prompts, 40)
    };
    let weights = WeightsReader::new(&checkpoint, Keep::Stored);
    let mut engine = Engine::on_cpu(&weights, Capacity::of(&request, 256)).unwrap();
    let generated = block_on(generate(&mut engine, &request, |_| ControlFlow::Continue(())));
    generated.unwrap().completions.into_iter().map(|c| c.ids).collect()
}

#[test]
fn completions_are_those_of_the_engine_and_their_text_is_told_apart() {
    for device in devices() {
        let mut session = session(device, || true);
        let (result, events) = run(&mut session, &request(r#","temperature":0"#));
        assert_eq!(
            vec![result.completions[0].ids.clone()],
            expected(1, SamplingParams::greedy(), 0)
        );
        let (result, _) = run(&mut session, &request(r#","n":8,"seed":3"#));
        let ids: Vec<_> = result.completions.iter().map(|c| c.ids.clone()).collect();
        assert_eq!(ids, expected(8, SamplingParams::default(), 3), "{device}");
        assert_eq!(result.timing.kept_tokens, result.prompt_ids.len() - 1, "{device}");
        for completion in &result.completions {
            let tags = ["<think>", "</think>", "<answer>", "</answer>"];
            assert!(!tags.iter().any(|tag| completion.content.contains(tag)), "{completion:?}");
            assert!(completion.text.contains(completion.reasoning.as_str()));
            assert_eq!(completion.ids.len(), completion.logprobs.len());
        }
        let text = |event: &Event| match serde_json::to_value(event).unwrap() {
            event if event["event"] == "token" => {
                event["value"]["text"].as_str().unwrap().to_owned()
            }
            event => panic!("{event}"),
        };
        let streamed: String = events.iter().map(text).collect();
        let (greedy, _) = run(&mut session, &request(r#","temperature":0"#));
        assert_eq!(streamed, greedy.completions[0].text);
    }
}

#[test]
fn an_abort_ends_all_completions_with_what_they_have() {
    for device in devices() {
        let passes = Rc::new(Cell::new(0));
        let counted = passes.clone();
        let mut session = session(device, move || {
            counted.set(counted.get() + 1);
            counted.get() <= 4
        });
        let (result, _) = run(&mut session, &request(r#","n":3"#));
        assert!(result.completions.iter().any(|c| c.finish == "abort"), "{device}");
        // The prompt takes two passes of 64 tokens at most.
        assert!(result.completions.iter().all(|c| (1..=4).contains(&c.ids.len())), "{device}");
        assert_eq!(passes.get(), 5, "{device}: nothing runs after it");
    }
}

#[test]
fn after_a_lost_device_the_stream_goes_on_with_the_same_tokens() {
    if !devices().contains(&"gpu") {
        return;
    }
    for n in [1, 3] {
        // Lost within the prompt, within the first tokens, and while nothing runs.
        for at in [1, 6, 0] {
            let passes = Rc::new(Cell::new(usize::MAX));
            let counted = passes.clone();
            let gpu: Rc<RefCell<Option<GpuHandle>>> = Rc::default();
            let handle = gpu.clone();
            let mut session = session("gpu", move || {
                if counted.get() == 0
                    && let Some(gpu) = handle.take()
                {
                    gpu.lose();
                }
                counted.set(counted.get().saturating_sub(1));
                true
            });
            let request = request(&format!(r#","n":{n},"seed":9"#));
            let whole = run(&mut session, &request).0;
            *gpu.borrow_mut() = Some(session.gpu());
            passes.set(at);
            if at == 0 {
                session.gpu().lose();
            }
            let (again, events) = run(&mut session, &request);
            for (whole, again) in whole.completions.iter().zip(&again.completions) {
                assert_eq!(whole.ids, again.ids);
                assert_eq!(whole.text, again.text);
            }
            let said = serde_json::to_string(&events).unwrap();
            assert!(said.contains("device-lost") && said.contains("device-restored"), "{said}");
        }
    }
}

#[test]
fn log_probabilities_of_a_text_are_those_of_its_generation() {
    for device in devices() {
        let mut session = session(device, || true);
        let (result, _) = run(&mut session, &request(r#","temperature":0"#));
        let all = [&result.prompt_ids[..], &result.completions[0].ids].concat();
        let scored = block_on(session.logprobs(Prompt::Ids(all.clone()))).expect("numbers");
        assert_eq!(scored.logprobs.len(), all.len() - 1);
        let own = &scored.logprobs[result.prompt_ids.len() - 1..];
        for (a, b) in own.iter().zip(&result.completions[0].logprobs) {
            assert!((a - f64::from(*b)).abs() < 1e-4, "{device}: {a} for {b}");
        }
        assert_eq!(scored.tokens.len(), all.len());
    }
}

#[test]
fn requests_and_files_that_cannot_be_met_say_why() {
    let mut session = session("cpu", || true);
    let mut said = |request: Request| {
        block_on(session.generate(&request, &mut |_| {})).expect_err("refused").to_string()
    };
    assert!(said(request(r#","n":0"#)).contains("expected: 1 to 64"));
    assert!(said(request(r#","topP":0"#)).contains("top-p"));
    assert!(said(Request::default()).contains("either prompt or messages"));
    let chat = Request { messages: Some(Vec::new()), ..Request::default() };
    assert!(said(chat).contains("no chat template"));
    let long = Request { prompt: Some(Prompt::Ids(vec![5; 400])), ..Request::default() };
    assert!(said(long).contains("too long"));
    assert!(serde_json::from_str::<Request>(r#"{"propmt":"a"}"#).is_err());

    let open = |names: &[&str]| match Bundle::open("m".into(), Training::default(), files(names)) {
        Err(error @ (WebError::NotAModel(_) | WebError::Weights(_))) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(open(&[]).contains("got: nothing"));
    assert!(open(&["model.safetensors"]).contains("config.json is missing"));
    assert!(open(&["config.json", "model.safetensors"]).contains("tokenizer.json is missing"));
    assert!(open(&["config.json"]).contains("got: config.json"));
    let training = Training { template: None, format_rule: Some("think-onyl".into()) };
    let names = ["config.json", "tokenizer.json", "model.safetensors"];
    let error = Bundle::open("m".into(), training, files(&names)).unwrap_err();
    assert!(error.to_string().contains("think-onyl"), "{error}");
}

/// What the tests in the browser compare with: made by this test, from the engine on the CPU.
#[test]
fn the_golden_of_the_browser_is_what_the_engine_gives() {
    let golden = serde_json::json!({
        "question": QUESTION,
        "greedy": expected(1, SamplingParams::greedy(), 0),
        "sampled": expected(4, SamplingParams { top_p: 0.95, ..SamplingParams::default() }, 3),
    });
    let golden = format!("{golden}\n");
    let path = Path::new("tests/golden.json");
    if std::env::var_os("WRITE_GOLDENS").is_some() {
        std::fs::write(path, &golden).expect("written");
    }
    let committed = std::fs::read_to_string(path).expect("committed; WRITE_GOLDENS=1 makes it");
    assert_eq!(committed, golden, "WRITE_GOLDENS=1 makes it again");
}
