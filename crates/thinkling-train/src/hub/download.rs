//! One file: what is there of it is kept, and the rest is asked for until all of it is there.

use super::cache::{Cache, Snapshot};
use super::client::{Answer, Client, TRIES, pause};
use super::{HubError, HubId, Progress};
use crate::checkpoint::sha256_of;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use ureq::http::{Method, StatusCode};

/// Bytes that are read at once.
const PIECE: usize = 1 << 18;
/// Length of a SHA-256 in hexadecimal; what git calls a file is shorter, and no SHA-256.
const SHA256: usize = 64;

/// Brings a file of a model into a snapshot; gives its length in bytes.
pub(super) fn file(
    client: &Client,
    (cache, snapshot): (&Cache, &Snapshot),
    id: &HubId,
    name: &str,
    progress: &mut Progress<'_>,
) -> Result<u64, HubError> {
    let url = client.address(id, &snapshot.commit, name);
    let answer = client.ask(id, &Method::HEAD, &url, 0, &mut |text| progress.note(text))?;
    let refused = |reason: &str| HubError::Refused { url: url.clone(), reason: reason.to_owned() };
    let etag = answer.meta.etag.filter(|etag| is_plain(etag));
    let etag = etag.ok_or_else(|| refused("the answer has no usable ETag"))?;
    let size = answer.meta.size.ok_or_else(|| refused("the answer has no length"))?;
    let (blob, incomplete) = cache.blob(&etag);
    if !is_whole(&blob, size) {
        let _lock = cache.lock(&etag, &mut |text| progress.note(text))?;
        // Perhaps the one who had the lock before has fetched it.
        if !is_whole(&blob, size) {
            let part = Part { client, id, name, url: &url, size };
            part.complete(&incomplete, progress)?;
            part.check(&incomplete, &etag)?;
            fs::rename(&incomplete, &blob).map_err(|e| HubError::disk("write", &blob, e))?;
        }
    }
    progress.at(size);
    cache.link(snapshot, name, &etag)?;
    Ok(size)
}

fn is_whole(path: &Path, size: u64) -> bool {
    path.metadata().is_ok_and(|data| data.len() == size)
}

/// Whether it can be the name of a file.
fn is_plain(etag: &str) -> bool {
    (1..=128).contains(&etag.len())
        && etag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A file while it comes.
struct Part<'a> {
    client: &'a Client,
    id: &'a HubId,
    name: &'a str,
    url: &'a str,
    size: u64,
}

impl Part<'_> {
    /// Asks for what is missing until nothing is.
    fn complete(&self, path: &Path, progress: &mut Progress<'_>) -> Result<(), HubError> {
        let disk = |e| HubError::disk("write", path, e);
        let mut options = File::options();
        let options = options.create(true).truncate(false).write(true);
        let mut file = options.open(path).map_err(disk)?;
        let length = |file: &File| file.metadata().map(|data| data.len()).map_err(disk);
        let mut have = length(&file)?;
        if have > self.size {
            file.set_len(0).map_err(disk)?;
            have = 0;
        }
        if have > 0 {
            progress.note(&format!("{}: going on at {have} of {} bytes", self.name, self.size));
        }
        let mut tries = 0;
        while have < self.size {
            progress.at(have);
            let before = have;
            let reason = match self.go_on(&mut file, have, progress) {
                Ok(()) => "the connection was closed".to_owned(),
                Err(Stop::Cut(reason)) => reason,
                Err(Stop::Final(error)) => return Err(error),
                Err(Stop::Disk(e)) => return Err(disk(e)),
            };
            have = length(&file)?;
            if have >= self.size {
                break;
            }
            tries = if have > before { 1 } else { tries + 1 };
            if tries >= TRIES {
                let (id, name) = (self.id.clone(), self.name.to_owned());
                return Err(HubError::Cut { id, name, tries, reason, kept: have });
            }
            let reason = format!("{} broke off at {have} bytes: {reason}", self.name);
            pause(tries, None, &reason, &mut |text| progress.note(text));
        }
        if have > self.size {
            // Someone sends more than there is; the checksum would say so too.
            file.set_len(self.size).map_err(disk)?;
        }
        file.sync_all().map_err(disk)
    }

    /// One request for all from byte `have` on.
    fn go_on(&self, file: &mut File, have: u64, progress: &mut Progress<'_>) -> Result<(), Stop> {
        let asked = self.client.ask(self.id, &Method::GET, self.url, have, &mut |text| {
            progress.note(text);
        });
        let Answer { mut response, .. } = match asked {
            Ok(answer) => answer,
            // The network may come back.
            Err(HubError::Unreachable { reason, .. }) => return Err(Stop::Cut(reason)),
            Err(error) => return Err(Stop::Final(error)),
        };
        let range = response.headers().get("content-range").and_then(|v| v.to_str().ok());
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT
            && range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")));
        let mut at = have;
        if have > 0 && !goes_on {
            file.set_len(0).map_err(Stop::Disk)?;
            at = 0;
            if response.status() != StatusCode::OK {
                return Err(Stop::Cut(format!("HTTP status {}", response.status())));
            }
        }
        file.seek(SeekFrom::Start(at)).map_err(Stop::Disk)?;
        let mut body = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        loop {
            let count = match body.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Stop::Cut(e.to_string())),
            };
            file.write_all(&piece[..count]).map_err(Stop::Disk)?;
            at += count as u64;
            progress.at(at.min(self.size));
            if at > self.size {
                return Ok(());
            }
        }
    }

    /// Compares what came with its name, where that is a SHA-256.
    fn check(&self, path: &Path, etag: &str) -> Result<(), HubError> {
        if etag.len() != SHA256 || !etag.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(());
        }
        let got = File::open(path).and_then(sha256_of);
        let got = got.map_err(|e| HubError::disk("read", path, e))?;
        if got.eq_ignore_ascii_case(etag) {
            return Ok(());
        }
        fs::remove_file(path).map_err(|e| HubError::disk("remove", path, e))?;
        let (id, name, expected) = (self.id.clone(), self.name.to_owned(), etag.to_owned());
        Err(HubError::Damaged { id, name, expected, got })
    }
}

/// Why a request ended early.
enum Stop {
    Cut(String),
    Final(HubError),
    Disk(io::Error),
}
