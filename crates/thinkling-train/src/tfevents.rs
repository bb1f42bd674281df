//! TensorBoard event files: the few messages that scalars need, encoded by hand.
//!
//! A file is a sequence of TFRecords, `length: u64 LE, masked crc32c of length: u32 LE, data,
//! masked crc32c of data: u32 LE`; each record is a protobuf `Event` (tensorflow/core/util/
//! event.proto) with `wall_time = 1`, `step = 2` and either `file_version = 3` or
//! `summary = 5 { value = 1 { tag = 1, simple_value = 2 } }`. Left out: images, histograms, text.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Result, TrainError};
use crate::metrics::Unsynced;

/// Every event file's name begins so; TensorBoard looks for it.
pub const FILE_PREFIX: &str = "events.out.tfevents.";
const FILE_VERSION: &[u8] = b"brain.Event:2";
/// Bytes of a record beside its data: length, checksum of the length, checksum of the data.
const FRAME_BYTES: u64 = 16;
/// Records of our own are far smaller; a longer one is damage.
const MAX_RECORD_BYTES: u64 = 1 << 20;

/// Appends scalars to one event file.
#[derive(Debug)]
pub struct EventWriter {
    file: File,
    path: PathBuf,
}

impl EventWriter {
    /// Starts an event file in `dir`, named after the time and the process.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn create(dir: &Path) -> Result<Self> {
        let seconds = wall_time() as u64;
        let path = dir.join(format!("{FILE_PREFIX}{seconds}.{}.thinkling", std::process::id()));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| TrainError::write(&path, e))?;
        let mut writer = Self { file, path };
        writer.append(&version_event(wall_time()))?;
        Ok(writer)
    }

    /// Goes on with the newest event file of `dir` after dropping its events beyond `last_step`
    /// (all where that is `None`) and a record that was half written or is damaged, with all
    /// that follows it. Without an event file it starts one.
    ///
    /// # Errors
    /// As [`EventWriter::create`], and [`TrainError::Read`].
    pub fn resume(dir: &Path, last_step: Option<u64>) -> Result<Self> {
        let Some(path) = newest(dir)? else {
            return Self::create(dir);
        };
        let read = |e| TrainError::read("event file", &path, e);
        let written = |e| TrainError::write(&path, e);
        let keep = covered_bytes(&path, last_step).map_err(read)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(written)?;
        file.set_len(keep).map_err(written)?;
        let mut writer = Self { file, path };
        if keep == 0 {
            writer.append(&version_event(wall_time()))?;
        }
        Ok(writer)
    }

    /// Appends one event with all scalars of a step.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn scalars<'a>(
        &mut self,
        step: u64,
        scalars: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<()> {
        self.append(&scalar_event(wall_time(), step, scalars))
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn sync(&mut self) -> Result<()> {
        self.unsynced()?.sync()
    }

    /// The file, to be synced beside other work.
    pub(crate) fn unsynced(&self) -> Result<Unsynced> {
        Unsynced::of(&self.file, &self.path)
    }

    /// The event file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append(&mut self, event: &[u8]) -> Result<()> {
        self.file.write_all(&frame(event)).map_err(|e| TrainError::write(&self.path, e))
    }
}

fn wall_time() -> f64 {
    // A clock before 1970 costs the time in the plot, nothing else.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// The event file with the greatest name, which holds the time it was started.
fn newest(dir: &Path) -> Result<Option<PathBuf>> {
    let read = |e| TrainError::read("run folder", dir, e);
    let mut found = None;
    for entry in std::fs::read_dir(dir).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        if name.to_string_lossy().starts_with(FILE_PREFIX) && found.as_ref() < Some(&name) {
            found = Some(name);
        }
    }
    Ok(found.map(|name| dir.join(name)))
}

/// Bytes of the leading records that are whole and lie within `last_step`.
fn covered_bytes(path: &Path, last_step: Option<u64>) -> io::Result<u64> {
    let mut file = BufReader::new(File::open(path)?);
    let mut kept = 0;
    while let Some(data) = read_record(&mut file)? {
        let covered = last_step.is_some_and(|last| event_step(&data).is_some_and(|s| s <= last));
        if !covered {
            break;
        }
        kept += FRAME_BYTES + data.len() as u64;
    }
    Ok(kept)
}

/// The data of the next record; `None` at the end and where a record is not whole.
fn read_record(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; 12];
    if !read_whole(from, &mut head)? {
        return Ok(None);
    }
    let (length_bytes, crc) = head.split_at(8);
    let length = u64::from_le_bytes(length_bytes.try_into().unwrap_or_default());
    if masked_crc(length_bytes).to_le_bytes() != crc || length > MAX_RECORD_BYTES {
        return Ok(None);
    }
    let mut data = vec![0; length as usize];
    let mut crc = [0; 4];
    let whole = read_whole(from, &mut data)? && read_whole(from, &mut crc)?;
    Ok((whole && masked_crc(&data).to_le_bytes() == crc).then_some(data))
}

fn read_whole(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// Step of an event of our own making; `None` where the bytes are no such event.
fn event_step(mut data: &[u8]) -> Option<u64> {
    let mut step = 0;
    while !data.is_empty() {
        let (tag, rest) = varint(data)?;
        let skipped = match tag & 7 {
            0 => {
                let (value, rest) = varint(rest)?;
                if tag >> 3 == 2 {
                    step = value;
                }
                rest
            }
            1 => rest.get(8..)?,
            2 => {
                let (length, rest) = varint(rest)?;
                rest.get(usize::try_from(length).ok()?..)?
            }
            5 => rest.get(4..)?,
            _ => return None,
        };
        data = skipped;
    }
    Some(step)
}

fn varint(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (i, byte) in data.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &data[i + 1..]));
        }
    }
    None
}

fn version_event(wall_time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    put_double(&mut event, 1, wall_time);
    put_bytes(&mut event, 3, FILE_VERSION);
    event
}

fn scalar_event<'a>(
    wall_time: f64,
    step: u64,
    scalars: impl IntoIterator<Item = (&'a str, f64)>,
) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut item = Vec::new();
        put_bytes(&mut item, 1, tag.as_bytes());
        put_varint(&mut item, 2 << 3 | 5);
        item.extend((value as f32).to_le_bytes());
        put_bytes(&mut summary, 1, &item);
    }
    let mut event = Vec::new();
    put_double(&mut event, 1, wall_time);
    put_varint(&mut event, 2 << 3);
    put_varint(&mut event, step);
    put_bytes(&mut event, 5, &summary);
    event
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_double(out: &mut Vec<u8>, field: u64, value: f64) {
    put_varint(out, field << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + FRAME_BYTES as usize);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked_crc(data).to_le_bytes());
    record
}

/// TFRecord's checksum: crc32c rotated right by 15 bits plus a constant, so that the checksum of
/// data that holds checksums is sound.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli): reflected polynomial 0x82f63b78, all ones at start, inverted at the end.
fn crc32c(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc32c_table();
    let step = |crc: u32, byte: &u8| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)];
    !data.iter().fold(!0, step)
}

const fn crc32c_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4: CRC examples; and the check value of the CRC catalogue.
    #[test]
    fn crc32c_gives_the_published_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }

    /// Mask of 0xe3069283: rotated right by 15 it is 0x2507c60d, plus 0xa282ead8 = 0xc78ab0e5.
    #[test]
    fn a_frame_is_length_checksum_data_checksum() {
        let record = frame(b"123456789");
        assert_eq!(record[..8], [9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&record[12..21], b"123456789");
        assert_eq!(record[21..], [0xe5, 0xb0, 0x8a, 0xc7]);
        assert_eq!(record.len(), 25);
    }

    /// Encoded by hand from the message definitions.
    #[test]
    fn an_event_has_the_bytes_of_its_message() {
        let event = scalar_event(1.5, 300, [("a/b", 0.5)]);
        let expected = [
            0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, // field 1, double 1.5
            0x10, 0xac, 0x02, // field 2, varint 300
            0x2a, 0x0c, // field 5, 12 bytes: the summary
            0x0a, 0x0a, // field 1, 10 bytes: the value
            0x0a, 0x03, b'a', b'/', b'b', // field 1: the tag
            0x15, 0, 0, 0, 0x3f, // field 2, float 0.5
        ];
        assert_eq!(event, expected);
        assert_eq!(event_step(&event), Some(300));
        assert_eq!(event_step(&version_event(2.0)), Some(0));
        assert_eq!(event_step(&[0x10]), None);
    }

    fn steps(path: &Path) -> Vec<u64> {
        let mut file = File::open(path).expect("event file opens");
        let mut steps = Vec::new();
        while let Some(data) = read_record(&mut file).expect("readable") {
            steps.push(event_step(&data).expect("an event"));
        }
        steps
    }

    #[test]
    fn resuming_drops_later_steps_and_a_half_record() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut writer = EventWriter::create(dir.path()).expect("created");
        for step in 1..=5 {
            writer.scalars(step, [("loss", 1.0)]).expect("written");
        }
        writer.file.write_all(&frame(b"cut")[..9]).expect("written");
        let mut writer = EventWriter::resume(dir.path(), Some(3)).expect("resumed");
        writer.scalars(4, [("loss", f64::NAN)]).expect("written");
        assert_eq!(steps(writer.path()), [0, 1, 2, 3, 4]);
        let writer = EventWriter::resume(dir.path(), None).expect("resumed");
        assert_eq!(steps(writer.path()), [0]);
    }

    #[test]
    fn a_damaged_record_ends_what_is_kept() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut writer = EventWriter::create(dir.path()).expect("created");
        for step in 1..=4 {
            writer.scalars(step, [("loss", 1.0)]).expect("written");
        }
        let path = writer.path().to_path_buf();
        let mut bytes = std::fs::read(&path).expect("readable");
        let third_from_end = bytes.len() - 80;
        bytes[third_from_end] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        let writer = EventWriter::resume(dir.path(), Some(9)).expect("resumed");
        let kept = steps(writer.path());
        assert!(!kept.is_empty() && kept.len() < 5, "{kept:?}");
    }
}
