//! The safetensors reader and writer.

use thinkling_weights::{
    FloatType, SafetensorsIndex, SafetensorsTensorSpec, SafetensorsWriter, WeightsError,
};

use crate::support::with_header;

fn spec(name: &str, shape: &[usize], dtype: FloatType) -> SafetensorsTensorSpec {
    SafetensorsTensorSpec { name: name.to_owned(), shape: shape.to_vec(), dtype }
}

#[test]
fn a_file_laid_out_by_hand_reads() {
    let header = r#"{"__metadata__":{"format":"pt"},
        "single":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},
        "half":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},
        "brain":{"dtype":"BF16","shape":[],"data_offsets":[12,14]},
        "ids":{"dtype":"I64","shape":[1],"data_offsets":[14,22]},
        "none":{"dtype":"F32","shape":[0,7],"data_offsets":[3,3]}}  "#;
    let data = [
        0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, // 1, -2.5
        0x00, 0x38, 0x00, 0xbd, // 0.5, -1.25
        0x80, 0x40, // 4
        9, 0, 0, 0, 0, 0, 0, 0,
    ];
    let file = with_header(header, &data);
    let index = SafetensorsIndex::parse(&file).expect("valid");
    let read = |name| index.read_f32(&file, name);
    assert_eq!(read("single").expect("F32"), [1.0, -2.5]);
    assert_eq!(read("half").expect("F16"), [0.5, -1.25]);
    assert_eq!(read("brain").expect("BF16"), [4.0]);
    assert_eq!(read("none").expect("empty"), [0.0; 0]);
    assert_eq!(index.tensor("single").expect("there").shape, [1, 2]);
    assert_eq!(index.metadata().get("format").map(String::as_str), Some("pt"));
    let fault = read("ids").expect_err("integers are no weights");
    assert_eq!(
        fault.to_string(),
        "unsupported type of tensor `ids`, expected: F32, F16 or BF16, got: I64"
    );
    assert!(!read("nobody").expect_err("not there").is_damaged_or_unsupported());
}

#[test]
fn what_is_written_reads_back() {
    let specs = vec![
        spec("wide", &[2, 3], FloatType::F32),
        spec("half", &[3], FloatType::F16),
        spec("brain", &[1, 1], FloatType::Bf16),
    ];
    let mut writer = SafetensorsWriter::new(Vec::new(), specs).expect("a valid list");
    writer.write_f32("wide", &[1.0, 2.0, 3.0, -4.0, 0.1, 1e-30]).expect("in order");
    writer.write_f32("half", &[0.5, 65504.0, -1.0]).expect("in order");
    writer.write_f32("brain", &[3.0]).expect("in order");
    let file = writer.finish().expect("complete");
    let header_len = u64::from_le_bytes(file[..8].try_into().expect("eight bytes"));
    assert_eq!(header_len % 8, 0);
    assert_eq!(file.len() as u64, 8 + header_len + 24 + 6 + 2);
    let index = SafetensorsIndex::parse(&file).expect("valid");
    let read = |name| index.read_f32(&file, name).expect("readable");
    assert_eq!(read("wide"), [1.0, 2.0, 3.0, -4.0, 0.1, 1e-30]);
    assert_eq!(read("half"), [0.5, 65504.0, -1.0]);
    assert_eq!(read("brain"), [3.0]);
    assert_eq!(index.metadata()["format"], "pt");
}

#[test]
fn the_writer_holds_its_caller_to_the_list() {
    let list = || vec![spec("a", &[2], FloatType::F32), spec("b", &[1], FloatType::F32)];
    let mut writer = SafetensorsWriter::new(Vec::new(), list()).expect("a valid list");
    assert!(matches!(writer.write_f32("b", &[1.0]), Err(WeightsError::WriteOrder { .. })));
    assert!(matches!(writer.write_f32("a", &[1.0]), Err(WeightsError::BufferLength { .. })));
    writer.write_f32("a", &[1.0, 2.0]).expect("in order");
    assert!(matches!(writer.finish(), Err(WeightsError::WriteOrder { .. })));
    for bad in [
        vec![spec("a", &[1], FloatType::F32), spec("a", &[1], FloatType::F32)],
        vec![spec("__metadata__", &[1], FloatType::F32)],
        vec![spec("a", &[1], FloatType::F16), spec("b", &[1], FloatType::F32)],
        vec![spec("a", &[usize::MAX, 2], FloatType::F32)],
    ] {
        assert!(SafetensorsWriter::new(Vec::new(), bad).is_err());
    }
}

#[test]
fn a_full_disk_is_the_systems_fault() {
    #[derive(Debug)]
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let fault = SafetensorsWriter::new(Full, vec![]).expect_err("nothing can be written");
    assert!(matches!(fault, WeightsError::Io { .. }) && !fault.is_damaged_or_unsupported());
}

#[test]
fn hostile_headers_are_refused() {
    let one = |entry: &str| with_header(&format!("{{\"t\":{entry}}}"), &[0; 8]);
    let cases = [
        ("no length", vec![1, 2, 3]),
        ("length past the end", u64::MAX.to_le_bytes().to_vec()),
        ("length just past the end", [&3u64.to_le_bytes()[..], b"{}"].concat()),
        ("not JSON", with_header("{", &[])),
        ("not an object", with_header("[]", &[])),
        ("nested without end", with_header(&"[".repeat(100_000), &[])),
        ("no offsets", one(r#"{"dtype":"F32","shape":[2]}"#)),
        ("offsets past the end", one(r#"{"dtype":"F32","shape":[3],"data_offsets":[0,12]}"#)),
        (
            "offsets near 2^64",
            one(
                r#"{"dtype":"F32","shape":[0],"data_offsets":[18446744073709551615,18446744073709551615]}"#,
            ),
        ),
        ("offsets reversed", one(r#"{"dtype":"F32","shape":[1],"data_offsets":[8,4]}"#)),
        ("too few bytes", one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#)),
        (
            "a product that wraps to the right size",
            one(r#"{"dtype":"F32","shape":[4611686018427387905,2],"data_offsets":[0,8]}"#),
        ),
        ("a negative dimension", one(r#"{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}"#)),
        (
            "an overlap",
            with_header(
                r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                    "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
                &[0; 8],
            ),
        ),
        (
            "a name twice",
            with_header(
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                    "a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
                &[0; 8],
            ),
        ),
    ];
    for (what, file) in cases {
        let fault = SafetensorsIndex::parse(&file).expect_err(what);
        assert!(fault.is_damaged_or_unsupported(), "{what}: {fault}");
    }
    let fault = SafetensorsIndex::parse(&one(r#"{"dtype":"F32","shape":[2]}"#)).expect_err("cut");
    assert!(fault.to_string().contains("`t`"), "the tensor is named: {fault}");
}
