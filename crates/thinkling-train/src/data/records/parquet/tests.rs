//! Files that are made here by the crate's writer, and some that pyarrow wrote
//! (`tests/golden/make_parquet.py`).

use super::super::each_record;
use super::*;
use parquet::basic::GzipLevel;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

const SCHEMA: &str = "message m { required binary question (UTF8); optional int64 answer; \
                      optional binary raw; }";

/// Rows in groups of two: a question, an answer that may be missing, bytes.
fn file(rows: &[(&str, Option<i64>, &[u8])], compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("begun");
    for rows in rows.chunks(2) {
        let mut group = writer.next_row_group().expect("a group");
        let texts: Vec<ByteArray> = rows.iter().map(|row| row.0.into()).collect();
        let mut column = group.next_column().expect("a column").expect("the first");
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).expect("written");
        column.close().expect("closed");
        let numbers: Vec<i64> = rows.iter().filter_map(|row| row.1).collect();
        let there: Vec<i16> = rows.iter().map(|row| i16::from(row.1.is_some())).collect();
        let mut column = group.next_column().expect("a column").expect("the second");
        column.typed::<Int64Type>().write_batch(&numbers, Some(&there), None).expect("written");
        column.close().expect("closed");
        let raw: Vec<ByteArray> = rows.iter().map(|row| row.2.to_vec().into()).collect();
        let there = vec![1; rows.len()];
        let mut column = group.next_column().expect("a column").expect("the third");
        column.typed::<ByteArrayType>().write_batch(&raw, Some(&there), None).expect("written");
        column.close().expect("closed");
        group.close().expect("closed");
    }
    writer.close().expect("closed");
    bytes
}

const ROWS: [(&str, Option<i64>, &[u8]); 3] =
    [("1+1?", Some(2), b"a"), ("what?", None, b"\xff"), ("2+2?", Some(4), b"")];

fn records(bytes: &[u8]) -> Result<Vec<(usize, Record)>> {
    let dir = tempfile::tempdir().expect("temporary folder");
    // What it is shows in its bytes.
    let path = dir.path().join("data");
    std::fs::write(&path, bytes).expect("written");
    let mut found = Vec::new();
    each_record(&path, |row, value| {
        found.push((row, value));
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn rows_are_objects_and_one_that_has_no_form_is_told_alone() {
    for compression in
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(GzipLevel::default())]
    {
        let found = records(&file(&ROWS, compression)).expect("read");
        assert_eq!(found[0], (1, Ok(json!({"question": "1+1?", "answer": 2, "raw": "a"}))));
        let (row, Err(reason)) = &found[1] else { panic!("{found:?}") };
        assert!(*row == 2 && reason.contains("`raw`") && reason.contains("UTF-8"), "{reason}");
        assert_eq!(found[2], (3, Ok(json!({"question": "2+2?", "answer": 4, "raw": ""}))));
    }
}

#[test]
fn a_cut_file_is_damaged() {
    let bytes = file(&ROWS, Compression::SNAPPY);
    for cut in [4, 6, bytes.len() / 2, bytes.len() - 1] {
        let error = records(&bytes[..cut]).expect_err("cut");
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains("Parquet"), "{error}");
    }
}

#[test]
fn no_changed_byte_ends_the_program() {
    let bytes = file(&ROWS, Compression::SNAPPY);
    let (mut damaged, mut named) = (0, 0);
    for at in 4..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= change;
            if let Err(error) = records(&bytes) {
                assert_eq!(error.exit_code(), 3, "byte {at}: {error}");
                damaged += 1;
                named += usize::from(error.to_string().contains("row group"));
            }
        }
    }
    // Footer and pages; the place of what is in a page is told.
    assert!(damaged > 100 && named > 20, "{damaged} {named}");
}

/// A file that pyarrow wrote.
fn written_by_pyarrow(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/data").join(name)
}

#[test]
fn files_of_pyarrow_hold_what_its_script_says() {
    for name in ["messages.snappy.parquet", "messages.gzip.parquet"] {
        let mut found = Vec::new();
        each_record(&written_by_pyarrow(name), |row, value| {
            found.push((row, value.expect("a record")));
            Ok(())
        })
        .expect("read");
        assert_eq!(found.len(), 3);
        let expected = json!({
            "messages": [
                {"role": "user", "content": "What is 2 + 3?"},
                {"role": "assistant", "content": "<think> 2 + 3 = 5 </think> <answer> 5 </answer>"},
            ],
            "source": "made",
        });
        assert_eq!(found[0], (1, expected));
        assert_eq!(found[2].1["source"], Value::Null);
    }
}

#[test]
fn zstd_is_read_where_it_was_compiled_in_and_named_elsewhere() {
    let read = each_record(&written_by_pyarrow("messages.zstd.parquet"), |_, _| Ok(()));
    match (read, cfg!(feature = "zstd")) {
        (Ok(()), true) => {}
        (Err(error), false) => {
            assert_eq!(error.exit_code(), 3);
            let text = error.to_string();
            assert!(text.contains("--features zstd") && text.contains("`messages.list."), "{text}");
        }
        (read, _) => panic!("{read:?}"),
    }
}
