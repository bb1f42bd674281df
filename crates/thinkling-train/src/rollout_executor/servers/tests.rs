use super::*;
use crate::http::testing::read_request;
use crate::model_io::LoadedModel;
use crate::recipe::{Recipe, Rollouts, StageKind};
use burn::tensor::Device;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use thinkling_learn::RolloutConfig;
use thinkling_model::{Decoder, LoraConfig, Precision, Projection};
use thinkling_sampling::{Finish, SamplingParams};

/// Ends completions of the fakes.
const STOP: u32 = 2;

/// What a fake does with a request: status and body.
type Answer = dyn FnMut(&str, &Value) -> (u16, Value) + Send;

/// A server with what it was asked for: path, and JSON where it was some.
struct Fake {
    url: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Fake {
    fn new(answer: impl FnMut(&str, &Value) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (asked.clone(), Arc::new(Mutex::new(Box::new(answer) as Box<Answer>)));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (log, answer) = (log.clone(), answer.clone());
                std::thread::spawn(move || {
                    let (head, body) = read_request(&stream);
                    let path = head.split(' ').nth(1).expect("a path").to_owned();
                    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                    log.lock().expect("a log").push((path.clone(), body.clone()));
                    let (status, value) = answer.lock().expect("an answer")(&path, &body);
                    let text = value.to_string();
                    let head =
                        format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n\r\n", text.len());
                    let _ = stream.write_all(format!("{head}{text}").as_bytes());
                });
            }
        });
        Self { url, asked }
    }

    fn asked(&self, path: &str) -> Vec<Value> {
        let asked = self.asked.lock().expect("a log");
        asked.iter().filter(|(to, _)| to == path).map(|(_, body)| body.clone()).collect()
    }
}

/// Ids of a completion: they depend on seed and place alone.
fn ids(seed: &Value, i: u64) -> Vec<u32> {
    vec![3 + (seed.as_u64().unwrap_or(0) % 90) as u32, 3 + i as u32, STOP]
}

fn completions(body: &Value, version: Option<u64>) -> Value {
    let choice = |i: u64| {
        json!({"index": i, "finish_reason": "stop", "token_ids": ids(&body["seed"], i),
            "logprobs": {"token_logprobs": [-0.5, -0.25, -0.125]}, "weights_version": version})
    };
    json!({"choices": (0..body["n"].as_u64().expect("n")).map(choice).collect::<Vec<_>>()})
}

/// One of ours, which counts the weights that it was given.
fn ours(mut before: impl FnMut(&str, &mut u64) -> Option<(u16, Value)> + Send + 'static) -> Fake {
    let mut version = 0;
    Fake::new(move |path, body| {
        if let Some(answer) = before(path, &mut version) {
            return answer;
        }
        match path {
            "/v1/weights" => {
                version += 1;
                (200, json!({"weights_version": version}))
            }
            "/v1/completions" => (200, completions(body, Some(version))),
            other => panic!("{other}"),
        }
    })
}

fn steady() -> Fake {
    ours(|_, _| None)
}

/// One that has begun anew when this request for completions comes.
fn begins_anew_at(request: usize) -> Fake {
    let mut requests = 0;
    ours(move |path, version| {
        requests += usize::from(path == "/v1/completions");
        if requests == request {
            requests += 1;
            *version = 0;
        }
        None
    })
}

fn open(urls: &[&str], more: &str) -> ServerRollout {
    let lora = if more.contains("vllm") { "lora = {}\n" } else { "" };
    let text = format!(
        "name = 'r'\n[model]\npath = 'm'\n[[stage]]\nname = 'rl'\nkind = 'rl'\n{lora}\
         importance_correction = {{ kind = 'truncate' }}\ndata = {{ kind = 'mini-world' }}\n\
         rollout = {{ kind = 'http', urls = {urls:?}, backoff_seconds = 0.01, concurrency = 2{more} }}\n"
    );
    let recipe = Recipe::parse(&text, Path::new("r.toml"), Path::new("."), &[]).expect("a recipe");
    match &recipe.stages[0].kind {
        StageKind::Rl(stage) => match &stage.rollout {
            Rollouts::Servers(keys) => ServerRollout::open(keys, "base").expect("servers"),
            other => panic!("no servers: {other:?}"),
        },
        other => panic!("no rl: {other:?}"),
    }
}

fn model() -> Decoder {
    // Cargo runs tests in the package's folder.
    let path = Path::new("../../recipes/nano-base");
    LoadedModel::open(path, &Device::flex()).expect("the nano base").decoder
}

/// A rollout of six groups of three after `step` steps; completions, and what was noted.
fn roll_out(servers: &mut ServerRollout, step: u64) -> (Result<Vec<Completion>>, Vec<String>) {
    roll_out_with(servers, &model(), step)
}

fn roll_out_with(
    servers: &mut ServerRollout,
    model: &Decoder,
    step: u64,
) -> (Result<Vec<Completion>>, Vec<String>) {
    let prompts: Vec<Vec<u32>> = (0..6).map(|i| vec![5, 6 + i]).collect();
    let config = RolloutConfig {
        group_size: 3,
        sampling: SamplingParams::default(),
        max_tokens: 16,
        stop_ids: vec![STOP],
        banned: Vec::new(),
        max_rows: 64,
        seed: 4,
        precision: Precision::F32,
    };
    let (mut notes, mut seen) = (Vec::new(), Vec::new());
    let wanted =
        Wanted { model, prompts: &prompts, config: &config, first_stream: 100 * step, step };
    let completions =
        servers.complete(&wanted, |i, _| seen.push(i), &mut |text| notes.push(text.to_owned()));
    if completions.is_ok() {
        seen.sort_unstable();
        assert_eq!(seen, (0..18).collect::<Vec<_>>(), "each is seen once");
    }
    (completions, notes)
}

/// What a single server gives that does all well.
fn undisturbed(step: u64) -> Vec<Completion> {
    let server = steady();
    roll_out(&mut open(&[&server.url], ""), step).0.expect("completions")
}

#[test]
fn groups_come_in_their_order_with_the_steps_of_their_weights() {
    let (a, b) = (steady(), steady());
    let mut servers = open(&[&a.url, &b.url], "");
    for step in [7, 8] {
        let (completions, notes) = roll_out(&mut servers, step);
        let completions = completions.expect("completions");
        assert_eq!(completions.len(), 18);
        for (i, completion) in completions.iter().enumerate() {
            assert_eq!((completion.prompt, completion.finish), (i / 3, Finish::Stop));
            assert_eq!(completion.ids[1], 3 + (i % 3) as u32);
            assert_eq!(completion.logprobs, [-0.5, -0.25, -0.125]);
            assert_eq!(completion.versions, [(step, 3)]);
        }
        assert_eq!(completions, undisturbed(step));
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(servers.stats().again, 0);
    }
    assert_eq!((a.asked("/v1/weights").len(), b.asked("/v1/weights").len()), (2, 2));
    assert_eq!(a.asked("/v1/completions").len() + b.asked("/v1/completions").len(), 12);
}

#[test]
fn a_server_that_is_dead_or_slow_or_talks_nonsense_is_done_without() {
    // The second request's answer is late: longer than the time that there is.
    let mut requests = 0;
    let slow = ours(move |path, _| {
        requests += usize::from(path == "/v1/completions");
        if requests > 1 {
            std::thread::sleep(Duration::from_millis(2500));
        }
        None
    });
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let garbage = ours(|path, _| (path == "/v1/completions").then(|| (200, json!({"a": 1}))));
    let broken = ours(|path, _| (path == "/v1/completions").then(|| (503, json!("no"))));
    let refuses = ours(|path, _| (path == "/v1/weights").then(|| (403, json!("off"))));
    let good = steady();
    let urls = [&slow.url, &dead, &garbage.url, &broken.url, &refuses.url, &good.url];
    let urls = urls.map(String::as_str);
    let mut servers = open(&urls, ", timeout_seconds = 1.0, retries = 1");
    let (completions, _) = roll_out(&mut servers, 3);
    assert_eq!(completions.expect("completions"), undisturbed(3));
    for fake in [&garbage, &broken] {
        assert!(fake.asked("/v1/completions").len() <= 2 * 2, "two workers, two tries each");
    }
    assert!(refuses.asked("/v1/completions").is_empty(), "it lacks the weights");
}

#[test]
fn a_server_that_begins_anew_gets_its_weights_again() {
    let restarted = begins_anew_at(3);
    let mut servers = open(&[&restarted.url], "");
    let (completions, notes) = roll_out(&mut servers, 5);
    assert_eq!(completions.expect("completions"), undisturbed(5));
    assert!(servers.stats().again > 0 && notes.is_empty(), "{notes:?}");
    assert_eq!(restarted.asked("/v1/weights").len(), 2);
}

#[test]
fn without_any_server_each_is_named_with_its_fault() {
    let broken = ours(|path, _| (path == "/v1/completions").then(|| (500, json!("no room"))));
    let refuses = ours(|path, _| (path == "/v1/weights").then(|| (403, json!("off"))));
    let mut servers = open(&[&broken.url, &refuses.url], ", retries = 1");
    let (completions, notes) = roll_out(&mut servers, 0);
    let error = completions.expect_err("nobody answers").to_string();
    for words in ["6 groups", &broken.url, "no room", "2 times in a row", &refuses.url, "403"] {
        assert!(error.contains(words), "no {words:?} in {error}");
    }
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn weights_are_sent_where_the_lag_would_be_too_long() {
    let server = steady();
    let mut servers = open(&[&server.url], ", max_lag = 2");
    let mut versions = Vec::new();
    for step in 0..5 {
        let completions = roll_out(&mut servers, step).0.expect("completions");
        versions.push(completions[0].versions[0].0);
    }
    assert_eq!(versions, [0, 0, 0, 3, 3]);
    assert_eq!(server.asked("/v1/weights").len(), 2);
}

#[test]
fn a_server_that_loses_weights_within_the_lag_gets_new_ones() {
    let server = begins_anew_at(8);
    let mut servers = open(&[&server.url], ", max_lag = 2");
    let _ = roll_out(&mut servers, 0).0.expect("completions");
    // No weights were made for this one until they turn out to be lacking.
    let completions = roll_out(&mut servers, 1).0.expect("completions");
    let of_old = completions.iter().filter(|c| c.versions == [(0, 3)]).count();
    let of_new = completions.iter().filter(|c| c.versions == [(1, 3)]).count();
    assert!(of_old > 0 && of_new > 0 && of_old + of_new == 18, "{of_old} and {of_new}");
}

#[test]
fn vllm_gets_adapters_by_their_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Fake::new(|path, body| match path {
        "/v1/load_lora_adapter" => {
            let folder = Path::new(body["lora_path"].as_str().expect("a path"));
            assert!(folder.is_absolute() && folder.join("adapter_config.json").exists());
            assert!(folder.join("adapter_model.safetensors").exists());
            (200, json!("Success: LoRA adapter added successfully."))
        }
        "/v1/unload_lora_adapter" => (404, json!("not found")),
        "/v1/completions" => (200, completions(body, None)),
        other => panic!("{other}"),
    });
    let keys = format!(", server = 'vllm', weights_dir = '{}'", dir.path().display());
    let mut servers = open(&[&server.url], &keys);
    let lora = LoraConfig { rank: 2, alpha: 4.0, targets: vec![Projection::Q] };
    let adapted = model().with_lora(&lora, 1);
    for step in 0..4 {
        let completions = roll_out_with(&mut servers, &adapted, step).0.expect("completions");
        assert!(completions.iter().all(|c| c.versions == [(step, 3)]));
    }
    let loaded = server.asked("/v1/load_lora_adapter");
    let name = |i: usize| loaded[i]["lora_name"].as_str().expect("a name");
    assert!(name(0).ends_with("-0") && name(3).ends_with("-3"), "{loaded:?}");
    let models: Vec<Value> =
        server.asked("/v1/completions").iter().map(|body| body["model"].clone()).collect();
    assert_eq!((models[0].as_str(), models[23].as_str()), (Some(name(0)), Some(name(3))));
    assert_eq!(server.asked("/v1/unload_lora_adapter")[2]["lora_name"], name(2));
    let left = std::fs::read_dir(dir.path()).expect("a folder").count();
    assert_eq!(left, 2, "older ones are removed");
}

#[test]
fn sglang_gets_models_by_their_folder_and_tells_their_version() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut version = "default".to_owned();
    let server = Fake::new(move |path, body| match path {
        "/update_weights_from_disk" => {
            let folder = Path::new(body["model_path"].as_str().expect("a path"));
            assert!(
                folder.join("model.safetensors").exists() && folder.join("config.json").exists()
            );
            version = body["weight_version"].as_str().expect("a version").to_owned();
            (200, json!({"success": true, "message": "Succeeded to update model weights."}))
        }
        "/generate" => {
            let one = |i: u32| {
                json!({"text": "", "meta_info": {"finish_reason": {"type": "stop", "matched": STOP},
                    "weight_version": version,
                    "output_token_logprobs": [[-0.5, 3 + i, null], [-0.25, STOP, null]]}})
            };
            (200, (0..3).map(one).collect())
        }
        other => panic!("{other}"),
    });
    let keys = format!(", server = 'sglang', weights_dir = '{}'", dir.path().display());
    let mut servers = open(&[&server.url], &keys);
    let completions = roll_out(&mut servers, 11).0.expect("completions");
    assert!(completions.iter().all(|c| c.versions == [(11, 2)] && c.ids.len() == 2));
    assert_eq!(server.asked("/update_weights_from_disk")[0]["weight_version"], "11");
}
