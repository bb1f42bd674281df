//! From an address or a visitor's files to an opened model.

use super::cache::{Cache, Piece, hex};
use super::download::{Remote, Sink, fetch, small};
use super::files::BlobFile;
use super::js::{breathe, wait};
use crate::generate::{Event, Notice, NoticeKind, Progress, Stage};
use crate::{Bundle, BundleFile, WebError};
use js_sys::Uint8Array;
use sha2::{Digest, Sha256};
use thinkling_weights::{Manifest, ReadAt, Training, WeightsError};
use web_sys::{Blob, File};

/// Bytes of a piece of a file that has no manifest: what a broken download loses at most.
const PIECE: u64 = 8 << 20;
/// Bytes that are hashed before others have their turn.
const HASHED: usize = 1 << 20;
/// Bytes between two reports of progress.
const REPORT: u64 = 1 << 18;
/// Milliseconds until it is asked again whether another tab has done.
const ASK_AGAIN: i32 = 100;

/// Where a model comes from.
pub(crate) enum Source {
    /// An address, see `ModelSource` in `client.d.ts`.
    Url(String),
    /// The visitor's files.
    Files(Vec<File>),
}

/// Loads models.
pub(crate) struct Loader<'a> {
    /// Whether what is downloaded is kept.
    pub(crate) keep: bool,
    pub(crate) emit: &'a dyn Fn(Event),
    pub(crate) is_aborted: &'a dyn Fn() -> bool,
}

/// A model that is being loaded.
struct Loading<'a> {
    loader: &'a Loader<'a>,
    cache: Option<Cache>,
    done: u64,
    total: u64,
    reported: u64,
}

impl Loader<'_> {
    /// Gets a model's files, wherever they are, and opens them.
    pub(crate) async fn load(&self, source: Source) -> Result<Bundle, WebError> {
        match source {
            Source::Files(files) => {
                let name = files.first().map(File::name).unwrap_or_default();
                let open = |file: File| Ok((file.name(), vec![Blob::from(file)]));
                let files: Result<Vec<_>, WebError> = files.into_iter().map(open).collect();
                bundle(stem(&name), Training::default(), files?)
            }
            Source::Url(url) => self.load_url(url).await,
        }
    }

    async fn load_url(&self, url: String) -> Result<Bundle, WebError> {
        let mut loading = Loading { loader: self, cache: None, done: 0, total: 0, reported: 0 };
        if self.keep {
            match Cache::open(&url, async || self.wait().await).await {
                Ok(cache) => loading.cache = Some(cache),
                Err(WebError::Aborted) => return Err(WebError::Aborted),
                Err(error) => loading.not_kept(&error),
            }
        }
        if url.ends_with("manifest.json") {
            loading.manifest(&url).await
        } else if url.ends_with('/') {
            loading.folder(&url).await
        } else {
            let name = url.rsplit('/').next().unwrap_or_default();
            let name = name.split(['?', '#']).next().unwrap_or_default().to_owned();
            let blobs = loading.file(&url, &name).await?;
            bundle(stem(&name), Training::default(), vec![(name, blobs)])
        }
    }

    /// Another tab is loading the model, and keeps what comes.
    async fn wait(&self) -> Result<(), WebError> {
        let progress = Progress { stage: Stage::Wait, done: 0, total: 0, cached: true };
        (self.emit)(Event::Progress(progress));
        wait(ASK_AGAIN).await;
        if (self.is_aborted)() { Err(WebError::Aborted) } else { Ok(()) }
    }

    fn say(&self, kind: NoticeKind, message: String) {
        (self.emit)(Event::Notice(Notice { kind, message, reason: None }));
    }
}

/// The name of a file without what says its format.
fn stem(name: &str) -> String {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

fn bundle(
    name: String,
    training: Training,
    files: Vec<(String, Vec<Blob>)>,
) -> Result<Bundle, WebError> {
    let open = |(name, blobs): (String, Vec<Blob>)| -> Result<BundleFile, WebError> {
        let file = BlobFile::new(blobs)
            .map_err(|source| WeightsError::Io { action: "open the file", source })?;
        Ok(BundleFile { name, file: Box::new(file) })
    };
    Bundle::open(name, training, files.into_iter().map(open).collect::<Result<_, _>>()?)
}

impl Loading<'_> {
    /// A model that `thinkling export --format web` wrote.
    async fn manifest(&mut self, url: &str) -> Result<Bundle, WebError> {
        let base = url.strip_suffix("manifest.json").unwrap_or(url);
        let kept = self.cache.as_ref().and_then(|cache| cache.index.manifest.clone());
        let json = match (small(url).await, kept) {
            (Ok(Some(json)), _) => json,
            (Err(_), Some(kept)) => kept.into_bytes(),
            (Ok(None), _) => return Err(not_there(url)),
            (Err(error), None) => return Err(error),
        };
        let manifest = Manifest::parse(&json)?;
        self.total = manifest.bytes();
        if let Some(cache) = &mut self.cache {
            cache.index.total = self.total;
            cache.index.manifest = String::from_utf8(json).ok();
            self.save_index().await;
        }
        let mut files = Vec::new();
        for file in &manifest.files {
            let mut blobs = Vec::new();
            let mut offset = 0;
            for shard in &file.shards {
                let piece = Piece { file: file.name.clone(), offset, sha256: shard.sha256.clone() };
                offset += shard.bytes;
                let url = format!("{base}{}", shard.path);
                blobs.push(self.shard(&url, piece, shard.bytes).await?);
            }
            files.push((file.name.clone(), blobs));
        }
        bundle(manifest.name, manifest.training, files)
    }

    /// A Hugging Face folder.
    async fn folder(&mut self, url: &str) -> Result<Bundle, WebError> {
        let was_whole = self.cache.as_ref().is_some_and(|cache| cache.index.total > 0);
        let mut files = Vec::new();
        for (name, needed) in [
            ("config.json", true),
            ("tokenizer.json", true),
            ("generation_config.json", false),
            ("tokenizer_config.json", false),
        ] {
            match self.file(&format!("{url}{name}"), name).await {
                Ok(blobs) => files.push((name.to_owned(), blobs)),
                Err(WebError::Download { .. }) if !needed => {}
                Err(error) => return Err(error),
            }
        }
        for name in self.weight_files(url).await? {
            let blobs = self.file(&format!("{url}{name}"), &name).await?;
            files.push((name, blobs));
        }
        if !was_whole {
            self.total = self.done;
            if let Some(cache) = &mut self.cache {
                cache.index.total = self.total;
            }
            self.save_index().await;
        }
        let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        bundle(name.to_owned(), Training::default(), files)
    }

    async fn weight_files(&self, url: &str) -> Result<Vec<String>, WebError> {
        #[derive(serde::Deserialize)]
        struct Index {
            weight_map: std::collections::BTreeMap<String, String>,
        }
        let one = vec!["model.safetensors".to_owned()];
        if let Some(cache) = &self.cache
            && cache.index.total > 0
        {
            let kept = cache.index.lengths.keys().filter(|name| name.ends_with(".safetensors"));
            return Ok(kept.cloned().collect());
        }
        let Some(json) = small(&format!("{url}model.safetensors.index.json")).await? else {
            return Ok(one);
        };
        let index: Index = serde_json::from_slice(&json)
            .map_err(|source| WeightsError::Json { what: "the index of shards", source })?;
        let mut names: Vec<String> = index.weight_map.into_values().collect();
        names.sort();
        names.dedup();
        if let Some(name) = names.iter().find(|name| name.contains(['/', '\\'])) {
            let reason = format!("a shard outside the folder: {name}");
            return Err(WebError::NotAModel(reason));
        }
        Ok(names)
    }

    /// A shard of a manifest: from the cache if it is whole, else from its address.
    async fn shard(&mut self, url: &str, piece: Piece, bytes: u64) -> Result<Blob, WebError> {
        if let Some(blob) = self.kept(&piece, bytes).await? {
            return Ok(blob);
        }
        let before = self.done;
        for attempt in 0..2 {
            self.done = before;
            let mut sink = PieceSink::new(self, piece.file.clone(), u64::MAX, piece.offset);
            sink.expected = Some(piece.sha256.clone());
            match fetch(url, 0, None, &mut sink).await {
                Err(WebError::Aborted) => return Err(WebError::Aborted),
                Err(error) => return Err(error),
                Ok(_) => sink.close().await?,
            }
            let mut blobs = std::mem::take(&mut sink.blobs);
            match blobs.pop() {
                Some((found, blob)) if found.sha256 == piece.sha256 => return Ok(blob),
                _ if attempt == 0 => continue,
                found => {
                    let found = found.map_or_else(String::new, |(found, _)| found.sha256);
                    let reason = format!(
                        "its SHA-256 is not the manifest's, expected: {}, got: {found}",
                        piece.sha256
                    );
                    return Err(WebError::Download { url: url.to_owned(), reason });
                }
            }
        }
        unreachable!("the second attempt returns")
    }

    /// A whole file: what is kept of it, then the rest from its address.
    async fn file(&mut self, url: &str, name: &str) -> Result<Vec<Blob>, WebError> {
        let mut blobs = Vec::new();
        let mut from = 0;
        let (mut etag, mut length) = (None, None);
        if let Some(cache) = &self.cache {
            etag = cache.index.etags.get(name).cloned();
            length = cache.index.lengths.get(name).copied();
            self.total = self.total.max(cache.index.total).max(length.unwrap_or(0));
            for piece in cache.pieces().await? {
                if piece.file != name {
                    continue;
                }
                let Some(blob) = self.kept_at(&piece, from).await? else { break };
                from += blob.size() as u64;
                blobs.push(blob);
            }
        }
        if length == Some(from) {
            return Ok(blobs);
        }
        let mut sink = PieceSink::new(self, name.to_owned(), PIECE, from);
        let remote = fetch(url, from, etag, &mut sink).await;
        // What has come so far is kept, also where the rest does not come.
        let closed = sink.close().await;
        let (restarted, end) = (sink.restarted, sink.offset);
        let fetched: Vec<Blob> = std::mem::take(&mut sink.blobs).into_iter().map(|b| b.1).collect();
        remote?;
        closed?;
        if restarted {
            blobs.clear();
        }
        blobs.extend(fetched);
        if let Some(cache) = &mut self.cache {
            cache.index.lengths.insert(name.to_owned(), end);
            let lengths = cache.index.lengths.values().sum();
            cache.index.total = if name.ends_with(".gguf") { lengths } else { cache.index.total };
            self.save_index().await;
        }
        Ok(blobs)
    }

    /// A kept piece that begins at `from`.
    async fn kept_at(&mut self, piece: &Piece, from: u64) -> Result<Option<Blob>, WebError> {
        if piece.offset != from {
            return Ok(None);
        }
        self.kept(piece, 0).await
    }

    /// A kept piece, if it holds what its name says; `bytes` is its length, 0 for any.
    async fn kept(&mut self, piece: &Piece, bytes: u64) -> Result<Option<Blob>, WebError> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let Some(blob) = cache.get(piece).await else { return Ok(None) };
        let before = self.done;
        let right =
            (bytes == 0 || blob.size() as u64 == bytes) && self.hash(&blob).await? == piece.sha256;
        if right {
            return Ok(Some(blob));
        }
        self.done = before;
        if let Some(cache) = &self.cache {
            cache.remove(piece).await;
        }
        let message = format!("a kept part of {} was damaged; it is loaded again", piece.file);
        self.loader.say(NoticeKind::CacheCorrupted, message);
        Ok(None)
    }

    async fn hash(&mut self, blob: &Blob) -> Result<String, WebError> {
        let read = |source| WeightsError::Io { action: "read a kept file", source };
        let file = BlobFile::new(vec![blob.clone()]).map_err(read)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; HASHED.min(file.len())];
        let mut at = 0;
        while at < file.len() {
            let len = buffer.len().min(file.len() - at);
            // A file that cannot be read is as good as damaged.
            if file.read_at(at, &mut buffer[..len]).is_err() {
                return Ok(String::new());
            }
            hasher.update(&buffer[..len]);
            at += len;
            self.progress(Stage::Verify, len as u64);
            breathe().await;
            if (self.loader.is_aborted)() {
                return Err(WebError::Aborted);
            }
        }
        Ok(hex(&hasher.finalize()))
    }

    fn progress(&mut self, stage: Stage, bytes: u64) {
        self.done += bytes;
        if self.done >= self.reported + REPORT
            || self.done < self.reported
            || self.done == self.total
        {
            self.reported = self.done;
            let (done, total) = (self.done, self.total.max(self.done));
            let cached = stage == Stage::Verify;
            (self.loader.emit)(Event::Progress(Progress { stage, done, total, cached }));
        }
    }

    fn not_kept(&self, error: &WebError) {
        let message = format!("the model is not kept for the next visit: {error}");
        self.loader.say(NoticeKind::NotCached, message);
    }

    async fn save_index(&mut self) {
        if let Some(cache) = &self.cache
            && let Err(error) = cache.save_index().await
        {
            self.not_kept(&error);
            self.cache = None;
        }
    }
}

fn not_there(url: &str) -> WebError {
    WebError::Download { url: url.to_owned(), reason: "there is no such file".to_owned() }
}

/// Cuts what arrives into pieces, hashes and keeps them.
struct PieceSink<'a, 'b> {
    loading: &'a mut Loading<'b>,
    file: String,
    /// Bytes of a piece.
    piece: u64,
    /// Where the piece begins that is arriving.
    start: u64,
    /// Where the next byte belongs.
    offset: u64,
    chunks: Vec<Uint8Array>,
    hasher: Sha256,
    /// Reused, so that WebAssembly's memory holds one chunk.
    buffer: Vec<u8>,
    blobs: Vec<(Piece, Blob)>,
    restarted: bool,
    /// Only a piece of this hash is kept.
    expected: Option<String>,
    /// Where the file begins anew.
    first: u64,
    /// What the server says, until it is noted.
    remote: Option<Remote>,
    /// Whether what is kept of the file is of no use any more.
    stale: bool,
}

impl<'a, 'b> PieceSink<'a, 'b> {
    fn new(loading: &'a mut Loading<'b>, file: String, piece: u64, offset: u64) -> Self {
        Self {
            loading,
            file,
            piece,
            start: offset,
            offset,
            chunks: Vec::new(),
            hasher: Sha256::new(),
            buffer: Vec::new(),
            blobs: Vec::new(),
            restarted: false,
            expected: None,
            // A shard's place in its file is not where its own download begins.
            first: if piece == u64::MAX { offset } else { 0 },
            remote: None,
            stale: false,
        }
    }

    /// Deletes what is kept of an older version, and notes the version that comes: a later visit goes
    /// on with this one only.
    async fn note_version(&mut self) {
        let (stale, remote) = (std::mem::take(&mut self.stale), self.remote.take());
        // A shard of a manifest has its hash.
        let Some(cache) = self.loading.cache.as_mut().filter(|_| self.expected.is_none()) else {
            return;
        };
        if stale {
            for piece in cache.pieces().await.unwrap_or_default() {
                if piece.file == self.file {
                    cache.remove(&piece).await;
                }
            }
        }
        if let Some(remote) = remote {
            cache.index.lengths.remove(&self.file);
            match remote.etag {
                Some(etag) => cache.index.etags.insert(self.file.clone(), etag),
                None => cache.index.etags.remove(&self.file),
            };
            self.loading.save_index().await;
        }
    }

    /// Ends the piece that is arriving.
    async fn close(&mut self) -> Result<(), WebError> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        let sha256 = hex(&std::mem::take(&mut self.hasher).finalize());
        let piece = Piece { file: self.file.clone(), offset: self.start, sha256 };
        let chunks = std::mem::take(&mut self.chunks);
        self.start = self.offset;
        let right = self.expected.as_ref().is_none_or(|expected| *expected == piece.sha256);
        let mut kept = None;
        if let Some(cache) = self.loading.cache.as_ref().filter(|_| right) {
            match cache.put(&piece, &chunks).await {
                Ok(blob) => kept = Some(blob),
                Err(error) => {
                    self.loading.not_kept(&error);
                    self.loading.cache = None;
                }
            }
        }
        let blob = match kept {
            Some(blob) => blob,
            None => {
                Blob::new_with_buffer_source_sequence(&chunks.iter().collect::<js_sys::Array>())
                    .map_err(super::js::refused("hold the file"))?
            }
        };
        self.blobs.push((piece, blob));
        Ok(())
    }
}

impl Sink for PieceSink<'_, '_> {
    fn begins(&mut self, remote: &Remote) {
        if let Some(length) = remote.length.filter(|_| self.expected.is_none()) {
            self.loading.total = self.loading.total.max(length);
        }
        self.remote = Some(remote.clone());
    }

    async fn chunk(&mut self, mut bytes: Uint8Array) -> Result<(), WebError> {
        if self.stale || self.remote.is_some() {
            self.note_version().await;
        }
        while bytes.length() > 0 {
            let room = self.start.saturating_add(self.piece) - self.offset;
            let len = u64::from(bytes.length()).min(room) as u32;
            let part = bytes.subarray(0, len);
            bytes = bytes.subarray(len, bytes.length());
            self.buffer.resize(len as usize, 0);
            part.copy_to(&mut self.buffer);
            self.hasher.update(&self.buffer);
            self.chunks.push(part);
            self.offset += u64::from(len);
            self.loading.progress(Stage::Download, u64::from(len));
            if self.offset == self.start.saturating_add(self.piece) {
                self.close().await?;
            }
        }
        Ok(())
    }

    fn restart(&mut self) {
        self.loading.done -= (self.offset - self.first).min(self.loading.done);
        (self.start, self.offset) = (self.first, self.first);
        self.chunks.clear();
        self.hasher = Sha256::new();
        self.blobs.clear();
        (self.restarted, self.stale) = (true, true);
        let message = format!("{} is loaded from its beginning again", self.file);
        self.loading.loader.say(NoticeKind::DownloadRestarted, message);
    }

    fn resumed(&mut self) {
        let message = format!("{} is gone on with after {} bytes", self.file, self.offset);
        self.loading.loader.say(NoticeKind::DownloadResumed, message);
    }

    fn is_aborted(&self) -> bool {
        (self.loading.loader.is_aborted)()
    }
}
