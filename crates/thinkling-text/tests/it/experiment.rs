use thinkling_text::*;
#[test]
fn against_tokenizer_json() {
    let Some(list) = std::env::var_os("EXP") else { return };
    for item in list.to_str().unwrap().split(',') {
        let (pre, path) = item.split_once('=').unwrap();
        let t = std::time::Instant::now();
        let json = std::fs::read(path).unwrap();
        let theirs = tokenizers::Tokenizer::from_bytes(&json).unwrap();
        eprintln!("raw read {:?}", t.elapsed());
        let t = std::time::Instant::now();
        let ours_json = Tokenizer::from_json(&json).unwrap();
        eprintln!("from_json {:?}", t.elapsed());
        let v: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let mut tokens = vec![];
        let mut types = vec![];
        let mut set = |id: usize, s: &str, ty: i32| { while tokens.len() <= id { tokens.push(format!("[PAD{}]", tokens.len())); types.push(5); } tokens[id] = s.to_owned(); types[id] = ty; };
        for (k, id) in v["model"]["vocab"].as_object().unwrap() { set(id.as_u64().unwrap() as usize, k, 1); }
        for a in v["added_tokens"].as_array().unwrap() { set(a["id"].as_u64().unwrap() as usize, a["content"].as_str().unwrap(), if a["special"].as_bool().unwrap() { 3 } else { 4 }); }
        let merges = v["model"]["merges"].as_array().unwrap().iter().map(|m| match m { serde_json::Value::String(s) => s.clone(), m => format!("{} {}", m[0].as_str().unwrap(), m[1].as_str().unwrap()) }).collect();
        let n = tokens.len();
        let voc = GgufVocabulary { model: "gpt2".into(), pre: pre.into(), tokens, token_types: types, merges, bos: if pre == "llama-bpe" { Some(128000) } else { None }, add_bos: pre == "llama-bpe", ..Default::default() };
        let t = std::time::Instant::now();
        let ours = Tokenizer::from_gguf(&voc).unwrap();
        eprintln!("from_gguf {:?}", t.elapsed());
        let again = Tokenizer::from_json(&ours.to_json().unwrap()).unwrap();
        std::fs::write(format!("/tmp/npm-tok/out_{pre}.json"), ours.to_json().unwrap()).unwrap();
        assert_eq!(ours.vocab_size(), n);
        let text = std::fs::read_to_string("/tmp/npm-tok/lines.txt").unwrap();
        let (mut lines, mut ids) = (0, 0);
        for line in text.split('\u{1e}') {
            let want = theirs.encode_fast(line, false).unwrap().get_ids().to_vec();
            assert_eq!(ours.encode(line).unwrap(), want, "{line:?}");
            assert_eq!(ours_json.encode(line).unwrap(), want);
            assert_eq!(again.encode(line).unwrap(), want);
            assert_eq!(ours.encode_with_added(line).unwrap(), theirs.encode_fast(line, true).unwrap().get_ids());
            assert_eq!(ours.encode_ordinary(line).unwrap(), ours_json.encode_ordinary(line).unwrap());
            if !line.contains("<|") { assert_eq!(ours.encode_ordinary(line).unwrap(), want); }
            assert_eq!(ours.decode(&want, false), theirs.decode(&want, false).unwrap());
            lines += 1; ids += want.len();
        }
        eprintln!("{pre}: {lines} texts, {ids} ids equal");
    }
}
