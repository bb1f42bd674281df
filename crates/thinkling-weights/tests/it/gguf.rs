//! The GGUF reader and writer.

use thinkling_weights::{
    GgmlType, Gguf, GgufArray, GgufTensorSpec, GgufValue, GgufWriter, WeightsError,
};

/// A header up to the metadata, laid out by hand.
fn header(version: u32, tensors: u64, pairs: u64) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(pairs.to_le_bytes());
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn entry(bytes: &mut Vec<u8>, name: &str, dimensions: &[u64], ty: u32, offset: u64) {
    text(bytes, name);
    bytes.extend((dimensions.len() as u32).to_le_bytes());
    for dimension in dimensions {
        bytes.extend(dimension.to_le_bytes());
    }
    bytes.extend(ty.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
}

/// One tensor entry and `data` bytes of data after padding to 32.
fn one_tensor(dimensions: &[u64], ty: u32, offset: u64, data: usize) -> Vec<u8> {
    let mut bytes = header(3, 1, 0);
    entry(&mut bytes, "t", dimensions, ty, offset);
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

#[test]
fn a_file_laid_out_by_hand_reads() {
    for version in [2, 3] {
        let mut file = header(version, 2, 3);
        text(&mut file, "general.alignment");
        file.extend(4u32.to_le_bytes());
        file.extend(64u32.to_le_bytes());
        text(&mut file, "name");
        file.extend(8u32.to_le_bytes());
        text(&mut file, "héllo");
        text(&mut file, "list");
        file.extend(9u32.to_le_bytes());
        file.extend(5u32.to_le_bytes());
        file.extend(2u64.to_le_bytes());
        file.extend((-1i32).to_le_bytes());
        file.extend(7i32.to_le_bytes());
        // Fastest dimension first: two rows of three.
        entry(&mut file, "m", &[3, 2], 0, 0);
        entry(&mut file, "h", &[2], 1, 64);
        file.resize(file.len().next_multiple_of(64), 0xaa);
        for value in [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0] {
            file.extend(value.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(64), 0xaa);
        file.extend([0x00, 0x38, 0x00, 0xbd]);

        let gguf = Gguf::parse(&file).expect("valid");
        assert_eq!(gguf.version(), version);
        assert_eq!(gguf.tensor("m").expect("there").shape, [2, 3]);
        assert_eq!(gguf.read_f32(&file, "m").expect("F32"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(gguf.read_f32(&file, "h").expect("F16"), [0.5, -1.25]);
        assert_eq!(gguf.get_str("name").expect("text"), Some("héllo"));
        assert_eq!(gguf.get_i32s("list").expect("i32"), Some(&[-1, 7][..]));
        assert_eq!(gguf.get_u64("nothing").expect("absent"), None);
        let fault = gguf.get_u32("name").expect_err("text is no number");
        assert!(fault.to_string().contains("`name`"), "{fault}");
    }
}

#[test]
fn every_kind_of_value_survives_writing_and_reading() {
    let array = |array| GgufValue::Array(array);
    let values = [
        GgufValue::U8(200),
        GgufValue::I8(-100),
        GgufValue::U16(60_000),
        GgufValue::I16(-30_000),
        GgufValue::U32(u32::MAX),
        GgufValue::I32(i32::MIN),
        GgufValue::F32(0.1),
        GgufValue::Bool(true),
        GgufValue::String("数".to_owned()),
        GgufValue::U64(u64::MAX),
        GgufValue::I64(i64::MIN),
        GgufValue::F64(-1e300),
        array(GgufArray::U8(vec![1, 2])),
        array(GgufArray::I8(vec![-1])),
        array(GgufArray::U16(vec![])),
        array(GgufArray::I16(vec![-2, 3])),
        array(GgufArray::U32(vec![4])),
        array(GgufArray::I32(vec![-5])),
        array(GgufArray::F32(vec![0.5, f32::INFINITY])),
        array(GgufArray::Bool(vec![true, false])),
        array(GgufArray::String(vec![String::new(), "Ġa".to_owned()])),
        array(GgufArray::U64(vec![6])),
        array(GgufArray::I64(vec![-7])),
        array(GgufArray::F64(vec![8.0])),
        array(GgufArray::Array(vec![
            GgufArray::U8(vec![9]),
            GgufArray::String(vec!["x".to_owned()]),
        ])),
    ];
    let metadata: Vec<_> =
        values.iter().enumerate().map(|(i, value)| (format!("k{i}"), value.clone())).collect();
    let writer = GgufWriter::new(Vec::new(), &metadata, vec![]).expect("a valid list");
    let gguf = Gguf::parse(&writer.finish().expect("complete")).expect("valid");
    for (key, value) in &metadata {
        assert_eq!(gguf.metadata(key), Some(value));
    }
    assert_eq!(gguf.metadata_keys().count(), values.len());
}

#[test]
fn tensors_of_every_type_survive_writing_and_reading() {
    let types = [
        GgmlType::F32,
        GgmlType::F16,
        GgmlType::Bf16,
        GgmlType::Q8_0,
        GgmlType::Q4_0,
        GgmlType::Q4_1,
    ];
    // Two rows of -8 to 7 twice over; exact in every type, as the farthest from zero is -8, or,
    // for Q8_0, within half a step of 8 / 127.
    let values: Vec<f32> = (0..64).map(|i| (i % 16) as f32 - 8.0).collect();
    let specs = types
        .iter()
        .map(|&ty| GgufTensorSpec { name: ty.to_string(), shape: vec![2, 32], ty })
        .collect();
    let mut writer = GgufWriter::new(Vec::new(), &[], specs).expect("a valid list");
    for ty in types {
        writer.write_f32(&ty.to_string(), &values).expect("in order");
    }
    let file = writer.finish().expect("complete");
    let gguf = Gguf::parse(&file).expect("valid");
    for ty in types {
        let read = gguf.read_f32(&file, &ty.to_string()).expect("readable");
        let tolerance = if ty == GgmlType::Q8_0 { 0.032 } else { 0.0 };
        for (value, got) in values.iter().zip(read) {
            assert!((value - got).abs() <= tolerance, "{ty}: {value} became {got}");
        }
    }
}

#[test]
fn an_unsupported_type_is_named_when_it_is_read() {
    let file = one_tensor(&[256], 10, 0, 84);
    let gguf = Gguf::parse(&file).expect("the table itself is fine");
    let fault = gguf.read_f32(&file, "t").expect_err("cannot be read");
    assert!(matches!(fault, WeightsError::TensorType { .. }));
    assert!(fault.to_string().contains("`t`") && fault.to_string().ends_with("Q2_K"), "{fault}");
}

#[test]
fn foreign_and_older_files_are_refused_by_name() {
    for (bytes, word) in [
        (b"PK\x03\x04....".to_vec(), "magic"),
        (header(1, 0, 0), "version"),
        (header(4, 0, 0), "version"),
        (header(3u32.swap_bytes(), 0, 0), "big-endian"),
    ] {
        let fault = Gguf::parse(&bytes).expect_err(word);
        assert!(fault.to_string().contains(word), "{fault}");
        assert!(fault.is_damaged_or_unsupported());
    }
}

#[test]
fn hostile_counts_and_lengths_allocate_nothing() {
    for count in [u64::MAX, u64::MAX / 13, 1 << 62, 1 << 40, 3] {
        assert!(Gguf::parse(&header(3, count, 0)).is_err());
        assert!(Gguf::parse(&header(3, 0, count)).is_err());
        let mut key = header(3, 0, 1);
        key.extend(count.to_le_bytes());
        assert!(Gguf::parse(&key).is_err());
        for item in 0..=12u32 {
            let mut array = header(3, 0, 1);
            text(&mut array, "k");
            array.extend(9u32.to_le_bytes());
            array.extend(item.to_le_bytes());
            array.extend(count.to_le_bytes());
            assert!(Gguf::parse(&array).is_err(), "array of type {item}, {count} items");
        }
    }
}

#[test]
fn arrays_in_arrays_without_end_are_refused() {
    let mut file = header(3, 0, 1);
    text(&mut file, "k");
    file.extend(9u32.to_le_bytes());
    for _ in 0..100_000 {
        file.extend(9u32.to_le_bytes());
        file.extend(1u64.to_le_bytes());
    }
    let fault = Gguf::parse(&file).expect_err("too deep");
    assert!(matches!(fault, WeightsError::Unsupported { .. }), "{fault}");
}

#[test]
fn hostile_tensor_tables_are_refused() {
    Gguf::parse(&one_tensor(&[8], 0, 0, 32)).expect("the honest one");
    let mut overlap = header(3, 2, 0);
    entry(&mut overlap, "a", &[16], 0, 0);
    entry(&mut overlap, "b", &[8], 0, 32);
    overlap.resize(overlap.len().next_multiple_of(32) + 64, 0);
    let mut twice = header(3, 2, 0);
    entry(&mut twice, "a", &[8], 0, 0);
    entry(&mut twice, "a", &[8], 0, 32);
    twice.resize(twice.len().next_multiple_of(32) + 64, 0);
    for (what, file) in [
        ("data past the end", one_tensor(&[9], 0, 0, 32)),
        ("an offset past the end", one_tensor(&[8], 0, 64, 32)),
        ("an offset near 2^64", one_tensor(&[8], 0, u64::MAX - 31, 32)),
        ("an offset between alignments", one_tensor(&[4], 0, 16, 32)),
        ("a size of 2^64", one_tensor(&[1 << 32, 1 << 32], 0, 0, 32)),
        ("a size of 2^64 bytes", one_tensor(&[1 << 62], 0, 0, 32)),
        ("a dimension of 2^64 - 1", one_tensor(&[u64::MAX], 0, 0, 32)),
        ("five dimensions", one_tensor(&[1; 5], 0, 0, 32)),
        ("2^32 - 1 dimensions", {
            let mut file = header(3, 1, 0);
            text(&mut file, "t");
            file.extend(u32::MAX.to_le_bytes());
            file.resize(200, 0);
            file
        }),
        ("half a block a row", one_tensor(&[16, 2], 8, 0, 64)),
        ("an overlap", overlap),
        ("a name twice", twice),
    ] {
        let fault = Gguf::parse(&file).expect_err(what);
        assert!(fault.is_damaged_or_unsupported(), "{what}: {fault}");
    }
    for alignment in [0u32, 3, 48] {
        let mut file = header(3, 0, 1);
        text(&mut file, "general.alignment");
        file.extend(4u32.to_le_bytes());
        file.extend(alignment.to_le_bytes());
        let fault = Gguf::parse(&file).expect_err("no power of two");
        assert!(fault.to_string().contains("general.alignment"), "{fault}");
    }
}

#[test]
fn the_writer_holds_its_caller_to_the_list() {
    let spec =
        |shape: &[usize], ty| GgufTensorSpec { name: "a".to_owned(), shape: shape.into(), ty };
    let list = vec![spec(&[2], GgmlType::F32)];
    let mut writer = GgufWriter::new(Vec::new(), &[], list).expect("a valid list");
    assert!(matches!(writer.write_f32("b", &[0.0; 2]), Err(WeightsError::WriteOrder { .. })));
    assert!(matches!(writer.write_f32("a", &[0.0]), Err(WeightsError::BufferLength { .. })));
    assert!(matches!(writer.finish(), Err(WeightsError::WriteOrder { .. })));
    for bad in [
        spec(&[31], GgmlType::Q8_0),
        spec(&[128], GgmlType::Q4K),
        spec(&[256], GgmlType::Other(10)),
        spec(&[1; 5], GgmlType::F32),
        spec(&[usize::MAX, 2], GgmlType::F32),
    ] {
        assert!(GgufWriter::new(Vec::new(), &[], vec![bad]).is_err());
    }
}
