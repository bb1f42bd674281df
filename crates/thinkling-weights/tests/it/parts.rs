//! GGUF models in several files (`tests/golden/make_gguf.py`, by the package `gguf`'s own writer).

use std::fs;
use std::path::{Path, PathBuf};

use thinkling_weights::{
    Checkpoint, GgmlType, Gguf, GgufTensorSpec, GgufValue, GgufWriter, WeightsError,
    expected_tensors, hf_to_gguf,
};

const GOLDEN: &str = "../../tests/golden/gguf";

fn name(part: usize) -> String {
    format!("parts-0000{part}-of-00003.gguf")
}

fn value_of(name: &str, i: usize) -> f32 {
    ((name.bytes().map(usize::from).sum::<usize>() + 7 * i) % 101) as f32 - 50.0
}

/// The golden's parts in a folder of their own.
fn copied() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for part in 1..=3 {
        let from = Path::new(GOLDEN).join(name(part));
        fs::copy(from, folder.path().join(name(part))).expect("copied");
    }
    let first = folder.path().join(name(1));
    (folder, first)
}

/// A part with the metadata of a split and one small tensor.
fn small_part(split: [u16; 2], tensors: i32, tensor: &str) -> Vec<u8> {
    let [no, count] = split.map(GgufValue::U16);
    let metadata = [
        ("split.no".to_owned(), no),
        ("split.count".to_owned(), count),
        ("split.tensors.count".to_owned(), GgufValue::I32(tensors)),
    ];
    let spec = GgufTensorSpec { name: tensor.to_owned(), shape: vec![1], ty: GgmlType::F32 };
    let mut writer = GgufWriter::new(Vec::new(), &metadata, vec![spec]).expect("a valid list");
    writer.write_f32(tensor, &[1.0]).expect("in order");
    writer.finish().expect("complete")
}

fn refused(path: &Path, words: &[&str]) -> WeightsError {
    let fault = Checkpoint::open(path).expect_err("no whole model");
    for word in words {
        assert!(fault.to_string().contains(word), "no `{word}` in: {fault}");
    }
    fault
}

#[test]
fn the_first_part_opens_the_model_of_all_parts() {
    let checkpoint = Checkpoint::open(&Path::new(GOLDEN).join(name(1))).expect("a model");
    let expected = expected_tensors(checkpoint.config());
    // The head stands in the last part: the model is not tied.
    assert_eq!(expected.len(), 14);
    assert!(!checkpoint.config().tie_word_embeddings);
    for (name, shape) in expected {
        let gguf = hf_to_gguf(&name).expect("mapped");
        let want: Vec<f32> =
            (0..shape.iter().product()).map(|i: usize| value_of(&gguf, i)).collect();
        assert_eq!(checkpoint.read_f32(&name).expect("readable"), want, "{name}");
    }
    let gguf = checkpoint.gguf().expect("from a GGUF");
    assert_eq!(gguf.get_strings("tokenizer.ggml.tokens").expect("text").expect("there").len(), 8);
}

#[test]
fn a_missing_part_is_named_and_is_no_damage() {
    let (folder, first) = copied();
    fs::remove_file(folder.path().join(name(2))).expect("removed");
    let fault = refused(&first, &[&name(2), "cannot open a part of a GGUF"]);
    assert!(!fault.is_damaged_or_unsupported());
}

#[test]
fn another_part_and_another_name_are_refused_with_what_to_open() {
    let (folder, first) = copied();
    refused(&folder.path().join(name(2)), &["the first one", &name(1), "number 1"]);
    for other in ["model.gguf", "parts-00001-of-00002.gguf"] {
        let other = folder.path().join(other);
        fs::copy(&first, &other).expect("copied");
        refused(&other, &["3 parts", "name-00001-of-00003.gguf"]);
    }
    // The right name with another part's bytes.
    fs::copy(folder.path().join(name(2)), &first).expect("copied");
    refused(&first, &["the first one", "number 1"]);
}

#[test]
fn parts_of_other_models_are_refused_by_name() {
    let (folder, first) = copied();
    let second = folder.path().join(name(2));
    let whole = fs::read(&second).expect("a part");
    let golden = Gguf::parse(&whole).expect("valid");
    let count = golden.get_u64("split.tensors.count").expect("a number").expect("there") as i32;
    assert_eq!(count, 14);
    for (bytes, words) in [
        (small_part([1, 4], count, "t"), ["`split.count`", "expected: 3", "got: 4"]),
        (small_part([2, 3], count, "t"), ["`split.no`", "expected: 1", "got: 2"]),
        (small_part([1, 3], 99, "t"), ["`split.tensors.count`", "expected: 14", "got: 99"]),
        (small_part([0, 1], count, "t"), ["`split.count`", "expected: 3", "got: none"]),
        (small_part([3, 3], count, "t"), ["`split.no`", "below `split.count`", "got: 3"]),
    ] {
        fs::write(&second, bytes).expect("written");
        let fault = refused(&first, &words);
        assert!(
            fault.to_string().contains(&name(2)) && fault.is_damaged_or_unsupported(),
            "{fault}"
        );
    }
    // Fewer tensors than all parts should have, then one twice.
    fs::write(&second, small_part([1, 3], count, "t")).expect("written");
    refused(&first, &["tensors in all 3 parts", "expected: 14", "got: 10"]);
    fs::write(&second, small_part([1, 3], count, "output.weight")).expect("written");
    refused(&first, &["`output.weight` in two", "parts-0000"]);
    fs::write(&second, &whole[..whole.len() / 2]).expect("written");
    assert!(refused(&first, &[&name(2)]).is_damaged_or_unsupported());
}

#[test]
fn where_files_have_no_names_a_part_is_refused() {
    let part = fs::read(Path::new(GOLDEN).join(name(1))).expect("a part");
    let fault = Checkpoint::from_gguf_file(part).expect_err("a part alone");
    assert!(fault.is_damaged_or_unsupported());
    for word in ["split.count", "got: 3", "first part"] {
        assert!(fault.to_string().contains(word), "{fault}");
    }
}
