//! Records of a data file as JSON values, one by one with their lines: JSON lines or one JSON array, plain
//! or compressed by gzip, or the rows of a Parquet file.

mod parquet;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use crate::error::{Result, TrainError};

/// Lines beyond this are refused, so that a file without line ends is not read whole.
const MAX_LINE_BYTES: u64 = 1 << 24;
/// An array is held as a whole; one beyond this is refused.
const MAX_ARRAY_BYTES: u64 = 1 << 30;

const GZIP: &[u8] = &[0x1f, 0x8b];
const PARQUET: &[u8] = b"PAR1";
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Gives `each` the records of a file in their order: the line where one begins, or the row of a Parquet
/// file, counted from 1, and its value or what is wrong with it. Empty lines are passed over. What a file
/// is shows in its first bytes, not in its name.
///
/// # Errors
/// A file that cannot be read as such, what `each` fails with.
pub(crate) fn each_record(
    path: &Path,
    each: impl FnMut(usize, std::result::Result<Value, String>) -> Result<()>,
) -> Result<()> {
    let failed = |e| TrainError::read("data file", path, e);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let start = file.fill_buf().map_err(failed)?;
    if start.starts_with(PARQUET) {
        // From its beginning, which the reader looks for itself.
        return parquet::each_row(path, File::open(path).map_err(failed)?, each);
    }
    match start.starts_with(GZIP) {
        true => read(path, BufReader::new(MultiGzDecoder::new(file)), each),
        false => read(path, file, each),
    }
}

fn read(
    path: &Path,
    mut file: impl BufRead,
    each: impl FnMut(usize, std::result::Result<Value, String>) -> Result<()>,
) -> Result<()> {
    let failed = |e: io::Error| match e.kind() {
        // What a decompressor says of bytes that it cannot read.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            TrainError::damaged(path, format!("damaged gzip data: {e}"))
        }
        _ => TrainError::read("data file", path, e),
    };
    // Some editors begin a file with a byte order mark.
    if file.fill_buf().map_err(failed)?.starts_with(BYTE_ORDER_MARK) {
        file.consume(BYTE_ORDER_MARK.len());
    }
    let mut first_line = 1;
    loop {
        let buffer = file.fill_buf().map_err(failed)?;
        match buffer.first() {
            Some(b'[') => break,
            Some(&byte) if byte.is_ascii_whitespace() => {
                first_line += usize::from(byte == b'\n');
                file.consume(1);
            }
            _ => return lines(file, first_line, failed, each),
        }
    }
    let mut bytes = Vec::new();
    let taken = file.take(MAX_ARRAY_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    if taken as u64 == MAX_ARRAY_BYTES {
        let reason = format!("a JSON array of more than {MAX_ARRAY_BYTES} bytes; use JSON lines");
        return Err(TrainError::damaged(path, reason));
    }
    array(&bytes, first_line, each)
}

fn lines(
    mut file: impl BufRead,
    first_line: usize,
    failed: impl Fn(io::Error) -> TrainError,
    mut each: impl FnMut(usize, std::result::Result<Value, String>) -> Result<()>,
) -> Result<()> {
    let mut bytes = Vec::new();
    for line in first_line.. {
        bytes.clear();
        let taken = file.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
        if taken.map_err(&failed)? == 0 {
            break;
        }
        if bytes.len() as u64 == MAX_LINE_BYTES {
            each(line, Err(format!("longer than {MAX_LINE_BYTES} bytes")))?;
            // Where the next line begins is not known.
            break;
        }
        if !bytes.trim_ascii().is_empty() {
            each(line, parse(&bytes))?;
        }
    }
    Ok(())
}

fn parse(bytes: &[u8]) -> std::result::Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))?;
    serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))
}

/// The elements of an array, which `bytes` begins with. They are told apart by brackets and
/// quotes, so that one that is no JSON does not hide those after it.
fn array(
    bytes: &[u8],
    first_line: usize,
    mut each: impl FnMut(usize, std::result::Result<Value, String>) -> Result<()>,
) -> Result<()> {
    let (mut at, mut line) = (1, first_line);
    loop {
        while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_whitespace()) {
            line += usize::from(*byte == b'\n');
            at += 1;
        }
        if bytes.get(at) == Some(&b']') {
            return match bytes[at + 1..].trim_ascii().is_empty() {
                true => Ok(()),
                false => each(line, Err("text behind the end of the array".to_owned())),
            };
        }
        let Some(end) = element_end(bytes, at) else {
            return each(line, Err("the array is not closed; the file was cut".to_owned()));
        };
        each(line, parse(&bytes[at..end]))?;
        line += bytes[at..end].iter().filter(|byte| **byte == b'\n').count();
        at = end + usize::from(bytes[end] == b',');
    }
}

/// Where the comma or bracket behind the element at `start` stands.
fn element_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, &byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b',' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn records(bytes: &[u8]) -> Result<Vec<(usize, String)>> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("data");
        std::fs::write(&path, bytes).expect("written");
        let mut found = Vec::new();
        each_record(&path, |line, value| {
            found.push((line, value.map_or_else(|e| e, |value| value.to_string())));
            Ok(())
        })?;
        Ok(found)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("compressed");
        encoder.finish().expect("compressed")
    }

    #[test]
    fn lines_and_arrays_give_the_same_values_with_their_lines() {
        let expected = [(1, "{\"a\":1}".to_owned()), (3, "{\"a\":\"],{\\\"\"}".to_owned())];
        let lines = b"\xef\xbb\xbf{\"a\":1}\n\n{\"a\":\"],{\\\"\"}";
        assert_eq!(records(lines).expect("read"), expected);
        let array = b"[{\"a\":1},\n\n {\"a\":\"],{\\\"\"}]\n";
        assert_eq!(records(array).expect("read"), expected);
        let later = b"\n[\n{\"a\":\n1}\n,{\"a\":2}]";
        let expected = [(3, "{\"a\":1}".to_owned()), (5, "{\"a\":2}".to_owned())];
        assert_eq!(records(later).expect("read"), expected);
        assert!(
            records(b"").expect("read").is_empty() && records(b"[ ]").expect("read").is_empty()
        );
    }

    #[test]
    fn compressed_files_are_read_too_and_half_of_one_is_damaged() {
        let text = b"{\"a\":1}\n{\"a\":2}\n".repeat(500);
        let bytes = gzip(&text);
        assert_eq!(records(&bytes).expect("read").len(), 1000);
        let error = records(&bytes[..bytes.len() / 2]).expect_err("cut");
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("gzip"), "{error}");
    }

    #[test]
    fn half_an_array_names_the_line_where_it_was_cut() {
        let found = records(b"[{\"a\":1},\n{\"a\":2},\n{\"a\":").expect("read");
        assert_eq!(found.len(), 3);
        assert!(found[2].0 == 3 && found[2].1.contains("cut"), "{found:?}");
        let found = records(b"[{\"a\":1},\n").expect("read");
        assert!(found[1].0 == 2 && found[1].1.contains("cut"), "{found:?}");
    }

    #[test]
    fn an_element_that_is_no_json_does_not_hide_the_next() {
        let found = records(b"[{\"a\":1},\n{'a':2},\n{\"a\":3}] x").expect("read");
        assert!(found[1].1.contains("not JSON"), "{found:?}");
        assert_eq!(found[2], (3, "{\"a\":3}".to_owned()));
        assert!(found[3].1.contains("behind"), "{found:?}");
    }
}
