//! Records of a Parquet file: each row as a JSON object, counted from 1.
//!
//! Columns keep their names; structs become objects, lists arrays, maps objects where their keys are
//! texts. Null stays null. What JSON has no form for is told: bytes that are no text, numbers that are
//! not finite become null. Encrypted files are not read.

use crate::error::{Result, TrainError};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde_json::{Map, Number, Value};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// As JSON lines give theirs.
type Record = std::result::Result<Value, String>;

/// Gives `each` the rows of a file.
pub(super) fn each_row(
    path: &Path,
    file: File,
    mut each: impl FnMut(usize, Record) -> Result<()>,
) -> Result<()> {
    let reader = guarded(|| SerializedFileReader::new(file))
        .map_err(|reason| TrainError::damaged(path, format!("damaged Parquet file: {reason}")))?;
    check_compression(path, &reader)?;
    let mut row = 0;
    for group in 0..reader.num_row_groups() {
        // A fault is told with its place: the row group, and the row that should have followed.
        let damaged = |row: usize, reason: String| {
            let place = format!("row group {group}, row {}", row + 1);
            TrainError::damaged(path, format!("damaged Parquet file, {place}: {reason}"))
        };
        let rows = reader.metadata().row_group(group).num_rows();
        let part = guarded(|| reader.get_row_group(group)).map_err(|e| damaged(row, e))?;
        let mut records: RowIter<'_> =
            guarded(|| part.get_row_iter(None)).map_err(|e| damaged(row, e))?;
        for _ in 0..rows {
            let next = guarded(|| records.next().transpose()).map_err(|e| damaged(row, e))?;
            let Some(record) = next else {
                return Err(damaged(row, format!("expected: {rows} rows, got: fewer")));
            };
            row += 1;
            each(row, object(&record).map(Value::Object))?;
        }
    }
    Ok(())
}

/// Runs a call of the reader. Some damage ends it by a panic, which is an error here too.
fn guarded<T>(
    call: impl FnOnce() -> std::result::Result<T, ParquetError>,
) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("its values do not fit its schema".to_owned()),
    }
}

/// Refuses what this build cannot decompress, before anything is read.
fn check_compression(path: &Path, reader: &SerializedFileReader<File>) -> Result<()> {
    let groups = reader.metadata().row_groups().iter();
    for column in groups.flat_map(|group| group.columns()) {
        let name = match column.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => continue,
            Compression::ZSTD(_) if cfg!(feature = "zstd") => continue,
            Compression::ZSTD(_) => "zstd, which a program built with `--features zstd` reads",
            Compression::BROTLI(_) => "brotli",
            Compression::LZ4 | Compression::LZ4_RAW => "lz4",
            Compression::LZO => "lzo",
        };
        let reason = format!(
            "column `{}`, compression, expected: none, snappy or gzip, got: {name}; write it anew, for \
             example with pyarrow: parquet.write_table(parquet.read_table(FILE), OUT)",
            column.column_path().string()
        );
        return Err(TrainError::damaged(path, reason));
    }
    Ok(())
}

fn object(row: &Row) -> std::result::Result<Map<String, Value>, String> {
    let fields = row.get_column_iter();
    fields
        .map(|(name, field)| match value(field) {
            Ok(value) => Ok((name.clone(), value)),
            Err(reason) => Err(format!("field `{name}`, {reason}")),
        })
        .collect()
}

fn value(field: &Field) -> Record {
    let float = |x: f64| Number::from_f64(x).map_or(Value::Null, Value::Number);
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(x) => (*x).into(),
        Field::Byte(x) => (*x).into(),
        Field::Short(x) => (*x).into(),
        Field::Int(x) | Field::Date(x) | Field::TimeMillis(x) => (*x).into(),
        Field::Long(x)
        | Field::TimeMicros(x)
        | Field::TimestampMillis(x)
        | Field::TimestampMicros(x) => (*x).into(),
        Field::UByte(x) => (*x).into(),
        Field::UShort(x) => (*x).into(),
        Field::UInt(x) => (*x).into(),
        Field::ULong(x) => (*x).into(),
        Field::Float16(x) => float(f64::from(x.to_f32())),
        // As it is written, not with the digits of its f64.
        Field::Float(x) => x.to_string().parse().map_or(Value::Null, float),
        Field::Double(x) => float(*x),
        Field::Decimal(_) => Value::String(field.to_string()),
        Field::Str(text) => Value::String(text.clone()),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Value::String(text.to_owned()),
            Err(e) => return Err(format!("expected: text, got: bytes that are not UTF-8: {e}")),
        },
        Field::Group(row) => Value::Object(object(row)?),
        Field::ListInternal(list) => {
            Value::Array(list.elements().iter().map(value).collect::<Result<_, String>>()?)
        }
        Field::MapInternal(map) => {
            let entries = map.entries().iter().map(|(key, entry)| match value(key)? {
                Value::String(key) => Ok((key, value(entry)?)),
                other => Err(format!("expected: a map with texts as keys, got: {other}")),
            });
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests;
