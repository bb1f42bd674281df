//! A vocabulary small enough to check by hand.

use std::sync::LazyLock;

use thinkling_text::{GgufVocabulary, Tokenizer};

/// Ids of the merged tokens and the added ones; 0 to 255 are the bytes.
pub(crate) const HE: u32 = 256;
pub(crate) const HELL: u32 = 258;
pub(crate) const HELLO: u32 = 259;
pub(crate) const SPACE_W: u32 = 260;
pub(crate) const TWO_ONES: u32 = 261;
pub(crate) const ABC: u32 = 262;
pub(crate) const BEGIN: u32 = 263;
pub(crate) const END: u32 = 264;
pub(crate) const THINK: u32 = 265;
pub(crate) const HAN_END: u32 = 266;
pub(crate) const SIZE: u32 = 267;

/// GPT-2's spelling of a byte.
pub(crate) fn spell(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&b| !printable(b)).count();
    char::from_u32(256 + u32::try_from(before).unwrap()).unwrap()
}

/// The 256 bytes, a few merges, one word that no merge reaches (`abc`), and added tokens.
pub(crate) fn vocabulary(pre: &str) -> GgufVocabulary {
    let mut tokens: Vec<String> = (0..=255).map(|b| spell(b).to_string()).collect();
    let more = [
        "he",
        "ll",
        "hell",
        "hello",
        "Ġw",
        "11",
        "abc",
        "<|begin|>",
        "<|end|>",
        "<think>",
        "<｜结束｜>",
    ];
    tokens.extend(more.map(str::to_owned));
    let mut token_types = vec![1; tokens.len()];
    token_types[BEGIN as usize] = 3;
    token_types[END as usize] = 3;
    token_types[THINK as usize] = 4;
    token_types[HAN_END as usize] = 3;
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "1 1"];
    GgufVocabulary {
        model: "gpt2".to_owned(),
        pre: pre.to_owned(),
        tokens,
        token_types,
        merges: merges.map(str::to_owned).to_vec(),
        bos: Some(BEGIN),
        eos: Some(END),
        ..GgufVocabulary::default()
    }
}

/// The names of all cutting rules.
pub(crate) const KINDS: [&str; 9] = [
    "default",
    "gpt-2",
    "smollm",
    "llama-bpe",
    "llama3",
    "llama-v3",
    "qwen2",
    "deepseek-r1-qwen",
    "qwen35",
];

/// A tokenizer of these rules, made once.
pub(crate) fn tokenizer(pre: &str) -> &'static Tokenizer {
    static ALL: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
        KINDS.iter().map(|pre| Tokenizer::from_gguf(&vocabulary(pre)).unwrap()).collect()
    });
    &ALL[KINDS.iter().position(|kind| *kind == pre).unwrap()]
}

/// A `tokenizer.json` in the manner of Llama 2: `▁` for spaces, bytes for what is not known.
pub(crate) fn byte_fallback_json() -> Vec<u8> {
    let mut vocab = serde_json::Map::new();
    let words = ["<unk>", "<s>", "</s>", "▁", "a", "b", "▁a", "▁b", "好"].map(str::to_owned);
    let bytes = (0..=255u8).map(|b| format!("<0x{b:02X}>"));
    for (id, token) in words.into_iter().chain(bytes).enumerate() {
        vocab.insert(token, id.into());
    }
    let added = |id: u32, content: &str| {
        serde_json::json!({"id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    };
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true,
            "vocab": vocab, "merges": ["▁ a", "▁ b"]},
    });
    json.to_string().into_bytes()
}

/// A `tokenizer.json` of whole words without a decoder.
pub(crate) fn words_json() -> Vec<u8> {
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"one": 0, "plus": 1, "等于": 2, "?": 3},
            "unk_token": "?"},
    })
    .to_string()
    .into_bytes()
}
