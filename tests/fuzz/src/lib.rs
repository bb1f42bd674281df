//! All that reads what others wrote, given bytes that nobody meant: weights, tokenizers, chat templates,
//! recipes, bodies of requests, adapters. Whatever comes, there is an answer or an error: no panic, no
//! endless loop, no more memory than the input is worth.
//!
//! `cargo xtask fuzz` has libFuzzer search; the tests here go through the seeds, cut and changed.

use burn::tensor::Device;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use thinkling_engine::{Capacity, Engine, Keep, WeightsReader};
use thinkling_learn::PeftAdapter;
use thinkling_model::Decoder;
use thinkling_serve::{ChatPrompt, Limits, ServeConfig, ServedModel, Server};
use thinkling_text::{ChatTemplate, GgufVocabulary, Message, Tokenizer};
use thinkling_train::recipe::Recipe;
use thinkling_weights::{Checkpoint, Gguf, ModelConfig, SafetensorsIndex};

/// Something that reads.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Reads some bytes.
    pub run: fn(&[u8]),
    /// Inputs that are as they should be.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 6] = [
    Target { name: "weights", run: weights, seeds: weights_seeds },
    Target { name: "tokenizer", run: tokenizer, seeds: tokenizer_seeds },
    Target { name: "chat-template", run: chat_template, seeds: chat_template_seeds },
    Target { name: "recipe", run: recipe, seeds: recipe_seeds },
    Target { name: "http-body", run: http_body, seeds: http_body_seeds },
    Target { name: "adapter", run: adapter, seeds: adapter_seeds },
];

/// Elements of a tensor that are read; larger ones would only cost time.
const ELEMENTS: usize = 1 << 20;

/// A file of the workspace.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(file(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// GGUF and safetensors files, and `config.json`.
pub fn weights(data: &[u8]) {
    if let Ok(gguf) = Gguf::parse(data) {
        for tensor in gguf.tensors().iter().filter(|tensor| tensor.elements() <= ELEMENTS) {
            let _ = gguf.read_f32(data, &tensor.name);
        }
        let _ = gguf.split();
        let _ = ModelConfig::from_gguf(&gguf, data);
        if let Ok(vocabulary) = GgufVocabulary::from_gguf(&gguf) {
            let _ = Tokenizer::from_gguf(&vocabulary);
            let _ = ChatTemplate::from_gguf(&vocabulary);
        }
    }
    if let Ok(index) = SafetensorsIndex::parse(data) {
        for tensor in index.tensors() {
            let _ = index.read_f32(data, &tensor.name);
        }
    }
    if let Ok(json) = std::str::from_utf8(data) {
        let _ = ModelConfig::from_json(json);
    }
}

fn weights_seeds() -> Vec<Vec<u8>> {
    let parts = (1..=3).map(|i| read(&format!("tests/golden/gguf/parts-0000{i}-of-00003.gguf")));
    let others = [
        "tests/golden/gguf/types.gguf",
        "tests/golden/llama_tied_lora/adapter_model.safetensors",
        "tests/golden/qwen3/config.json",
        "recipes/mini-world-base/config.json",
    ];
    parts.chain(others.map(read)).collect()
}

/// `tokenizer.json`: one that is read encodes, and decodes what it has encoded.
pub fn tokenizer(data: &[u8]) {
    let Ok(tokenizer) = Tokenizer::from_json(data) else { return };
    for text in ["", "Compute 17+25.", " <think>\n\u{e9}\u{4e2d}\u{1f600}</think>"] {
        if let Ok(ids) = tokenizer.encode(text) {
            let _ = tokenizer.decode(&ids, false);
        }
    }
    let _ = tokenizer.decode(&[0, 1, u32::MAX], true);
    let _ = tokenizer.to_json();
}

fn tokenizer_seeds() -> Vec<Vec<u8>> {
    let bytes = Tokenizer::of_bytes().and_then(|tokenizer| tokenizer.to_json());
    vec![read("recipes/mini-world-base/tokenizer.json"), bytes.expect("a tokenizer")]
}

/// A chat template, also within `tokenizer_config.json`.
pub fn chat_template(data: &[u8]) {
    let messages = [
        Message::new("system", "Be brief."),
        Message::new("user", "17 + 25?"),
        Message::new("assistant", "<think>a</think>42"),
    ];
    let templates = [
        ChatTemplate::from_tokenizer_config(data, None).ok(),
        std::str::from_utf8(data).ok().and_then(|s| ChatTemplate::new(s, Some("<s>"), None).ok()),
    ];
    for template in templates.into_iter().flatten() {
        let _ = template.render(&messages, true);
        let _ = template.segments(&messages);
        let _ = template.render_with(&messages[..1], false, &BTreeMap::new());
    }
}

fn chat_template_seeds() -> Vec<Vec<u8>> {
    let chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n\
                  {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let more = "{%- set ns = namespace(last=-1) %}{%- for m in messages[::-1] %}{%- if m['role'] == \
                'user' and loop.index0 > ns.last %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor \
                %}{%- macro turn(m, i) %}[{{ i }}|{{ m.content.split('</think>')[-1].lstrip('\\n') }}]{% \
                endmacro %}{%- if tools is defined and tools %}{{ tools | tojson(indent=2) }}{% endif \
                %}{% for m in messages %}{{ turn(m, loop.index) }}{% else %}{{ \
                raise_exception('none') }}{% endfor %}{{ strftime_now('%d %b %Y') }}";
    let config = format!(
        r#"{{"bos_token":"<s>","eos_token":{{"content":"</s>"}},"chat_template":[{{"name":"default","template":{chatml:?}}}]}}"#
    );
    vec![chatml.into(), more.into(), config.into()]
}

/// A recipe.
pub fn recipe(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // The first line may be a `--set`.
    let (first, rest) = text.split_once('\n').unwrap_or(("", text));
    let sets: Vec<String> = first.strip_prefix("# --set ").map(str::to_owned).into_iter().collect();
    if let Ok(recipe) = Recipe::parse(rest, Path::new("r.toml"), Path::new("/r"), &sets) {
        // What was read is written, and read again as the same.
        let written = recipe.to_toml().expect("a recipe that can be written");
        let again = Recipe::parse(&written, Path::new("w.toml"), Path::new("/w"), &[]);
        assert_eq!(again.ok().as_ref(), Some(&recipe), "{written}");
    }
}

fn recipe_seeds() -> Vec<Vec<u8>> {
    let folder = std::fs::read_dir(file("recipes")).expect("recipes");
    let paths = folder.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read(path).expect("a recipe"));
    let set = |text: Vec<u8>| [b"# --set stage.rl.lr=1e-4\n".as_slice(), &text].concat();
    texts.map(set).collect()
}

/// The body of a request to a server that runs here. Its first byte chooses the path.
pub fn http_body(data: &[u8]) {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    let address = SERVER.get_or_init(server);
    let (choice, body) = data.split_first().unwrap_or((&0, &[]));
    let (path, kind) = match choice % 4 {
        0 => ("/v1/completions", "application/json"),
        1 => ("/v1/chat/completions", "application/json"),
        2 => ("/v1/weights", "application/octet-stream"),
        _ => ("/v1/models", "text/plain"),
    };
    let mut socket = TcpStream::connect(address).expect("the server listens");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: fuzz\r\nconnection: close\r\ncontent-type: {kind}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    // A server that has heard enough may answer before the end.
    let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body));
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let status = answer.get(9..12).and_then(|s| std::str::from_utf8(s).ok()?.parse::<u16>().ok());
    let status = status.expect("an answer with a status");
    assert!((200..500).contains(&status), "{path}: {}", String::from_utf8_lossy(&answer));
}

fn server() -> SocketAddr {
    let folder = file("recipes/nano-base");
    let checkpoint = Checkpoint::open(&folder).expect("the nano base");
    let config = checkpoint.config().clone();
    let json = std::fs::read(folder.join("tokenizer.json")).expect("its tokenizer");
    let model = ServedModel {
        name: "nano".to_owned(),
        stop_ids: config.eos_token_ids.clone(),
        config,
        tokenizer: Arc::new(Tokenizer::from_json(&json).expect("a tokenizer")),
        chat: ChatPrompt::R1Zero,
        path: Some(folder.clone()),
    };
    let limits = Limits {
        rows: 4,
        cache_tokens: 512,
        context: 64,
        default_max_tokens: 4,
        choices: 4,
        ..Limits::default()
    };
    let config = ServeConfig {
        address: (Ipv4Addr::LOCALHOST, 0).into(),
        api_key: None,
        allow_updates: true,
        limits,
    };
    let engine = move || {
        let checkpoint = Checkpoint::open(&folder)?;
        let weights = WeightsReader::new(&checkpoint, Keep::Stored);
        let capacity =
            Capacity { rows: 4, cache_tokens: 512, prompt_tokens: 0, conversation_tokens: 0 };
        Engine::on_cpu(&weights, capacity)
    };
    let server = Server::start(config, model, engine).expect("a server");
    let address = server.address();
    std::thread::spawn(move || server.wait());
    address
}

fn http_body_seeds() -> Vec<Vec<u8>> {
    let completion = r#"0{"prompt":[14,15],"max_tokens":3,"n":2,"seed":7,"temperature":0.5,"top_p":0.9,"top_k":5,"min_p":0.1,"logprobs":2,"stop":["a"],"stop_token_ids":[2],"return_token_ids":true,"stream":false}"#;
    let stream = r#"0{"prompt":["1+1"],"max_tokens":2,"stream":true,"stream_options":{"include_usage":true},"ignore_eos":true}"#;
    let chat = r#"1{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"1+1"}]}],"max_completion_tokens":3,"logprobs":true,"top_logprobs":2,"chat_template_kwargs":{"a":1},"response_format":{"type":"text"}}"#;
    let mut weights = b"2".to_vec();
    weights.extend(read("tests/golden/llama_tied_lora/adapter_model.safetensors"));
    // The digits choose, as bytes do.
    let mut seeds: Vec<Vec<u8>> = [completion, stream, chat, "3{}"].map(|s| s.into()).into();
    seeds.push(weights);
    seeds
}

/// An adapter: two bytes with the length of `adapter_config.json`, then that, then the tensors.
pub fn adapter(data: &[u8]) {
    static MODEL: OnceLock<Decoder> = OnceLock::new();
    let [a, b, rest @ ..] = data else { return };
    let length = usize::from(u16::from_le_bytes([*a, *b])).min(rest.len());
    let (config, tensors) = rest.split_at(length);
    let Ok(adapter) = PeftAdapter::from_json(config) else { return };
    let model = MODEL.get_or_init(|| {
        let checkpoint = Checkpoint::open(&file("tests/golden/llama_tied")).expect("a model");
        Decoder::load(&checkpoint, &Device::flex()).expect("a model")
    });
    let _ = adapter.load(tensors, model.clone());
}

fn adapter_seeds() -> Vec<Vec<u8>> {
    let seed = |name: &str| {
        let config = read(&format!("tests/golden/{name}/adapter_config.json"));
        let length = u16::try_from(config.len()).expect("a short config").to_le_bytes();
        let tensors = read(&format!("tests/golden/{name}/adapter_model.safetensors"));
        [length.as_slice(), &config, &tensors].concat()
    };
    ["llama_tied_lora", "qwen2_lora"].map(seed).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changed inputs of a seed.
    const CHANGES: usize = 120;

    /// The seed as it is, cut at many places, and with single bytes changed.
    fn changed(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        // Any fixed sequence that reaches everywhere.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as usize % below.max(1)
        };
        let first = std::iter::once(seed.to_vec());
        first.chain((0..CHANGES).map(move |i| {
            let mut bytes = seed.to_vec();
            if i % 3 == 0 {
                bytes.truncate(next(seed.len()));
            }
            // The beginning is where formats are decided.
            let reach = if i % 2 == 0 { bytes.len() } else { bytes.len().min(256) };
            for _ in 0..=next(3) {
                let place = next(reach);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte =
                        [0, 0xff, byte.wrapping_add(1), byte.wrapping_sub(1), b'"', b'9'][next(6)];
                }
            }
            bytes
        }))
    }

    #[test]
    fn seeds_cut_and_changed_give_answers_or_errors() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            for seed in &seeds {
                for input in changed(seed) {
                    (target.run)(&input);
                }
            }
        }
    }
}
