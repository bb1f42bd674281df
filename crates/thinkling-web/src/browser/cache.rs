//! Models that are kept in this browser: in the origin's private file system, a folder a model.
//!
//! A folder has `model.json` (address, length) and pieces whose names say where they belong and what
//! they hold: `FILE-OFFSET-SHA256`. What is written halfway has another hash than its name, so that
//! nothing else has to say which pieces are whole. One worker at a time has a model's folder open,
//! over all tabs: it holds the file `lock`, which the browser gives to the next when its worker ends.

use super::js::{name_of, refused, scope};
use crate::WebError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemRemoveOptions, FileSystemSyncAccessHandle,
};

const FOLDER: &str = "thinkling-models";
const INDEX: &str = "model.json";
const LOCK: &str = "lock";

/// What is known of a kept model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) url: String,
    /// Bytes that there should be, as far as known.
    pub(crate) total: u64,
    /// What the server calls each file's version, by the file's name.
    #[serde(default)]
    pub(crate) etags: BTreeMap<String, String>,
    /// Lengths of whole files, by name.
    #[serde(default)]
    pub(crate) lengths: BTreeMap<String, u64>,
    /// The manifest, where the model has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<String>,
}

/// A kept model, for people.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    key: String,
    url: String,
    bytes: u64,
    total: u64,
}

/// The folder of one model, which no other worker has open.
pub(crate) struct Cache {
    folder: FileSystemDirectoryHandle,
    lock: FileSystemSyncAccessHandle,
    pub(crate) index: Index,
}

/// A piece that is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Piece {
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) sha256: String,
}

impl Piece {
    fn name(&self) -> String {
        format!("{}-{:012}-{}", self.file, self.offset, self.sha256)
    }

    fn of_name(name: &str) -> Option<Self> {
        let (rest, sha256) = name.rsplit_once('-')?;
        let (file, offset) = rest.rsplit_once('-')?;
        let (file, sha256) = (file.to_owned(), sha256.to_owned());
        Some(Self { file, offset: offset.parse().ok()?, sha256 })
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.lock.close();
    }
}

impl Cache {
    /// The folder of the model at this address; made where there is none. While another worker has
    /// it, `wait` is called again and again.
    ///
    /// # Errors
    /// A browser without such a file system, or that lets nothing be kept; what `wait` says.
    pub(crate) async fn open(
        url: &str,
        wait: impl AsyncFn() -> Result<(), WebError>,
    ) -> Result<Self, WebError> {
        let folder = folder(&root(true).await?, &key(url), true).await?;
        let file_of_lock = file(&folder, LOCK, true).await?;
        let lock = loop {
            match JsFuture::from(file_of_lock.create_sync_access_handle()).await {
                Ok(lock) => break lock.unchecked_into(),
                Err(thrown) if name_of(&thrown) == "NoModificationAllowedError" => wait().await?,
                Err(thrown) => return Err(refused("keep the model")(thrown)),
            }
        };
        let text = match file(&folder, INDEX, false).await {
            Ok(handle) => text(&snapshot(&handle).await?).await?,
            Err(_) => String::new(),
        };
        let index = serde_json::from_str(&text).ok().filter(|index: &Index| index.url == url);
        let index = index.unwrap_or_else(|| Index { url: url.to_owned(), ..Index::default() });
        Ok(Self { folder, lock, index })
    }

    /// Writes what is known of the model.
    pub(crate) async fn save_index(&self) -> Result<(), WebError> {
        let json = serde_json::to_vec(&self.index)?;
        let handle = file(&self.folder, INDEX, true).await?;
        write(&handle, &[js_sys::Uint8Array::from(&json[..])]).await
    }

    /// All pieces, in order.
    pub(crate) async fn pieces(&self) -> Result<Vec<Piece>, WebError> {
        let mut pieces: Vec<Piece> =
            names(&self.folder).await?.iter().filter_map(|name| Piece::of_name(name)).collect();
        pieces.sort();
        Ok(pieces)
    }

    /// A piece, as it is on the disk.
    pub(crate) async fn get(&self, piece: &Piece) -> Option<Blob> {
        let handle = file(&self.folder, &piece.name(), false).await.ok()?;
        snapshot(&handle).await.ok().map(Into::into)
    }

    /// Keeps a piece; gives it as it lies on the disk now.
    pub(crate) async fn put(
        &self,
        piece: &Piece,
        chunks: &[js_sys::Uint8Array],
    ) -> Result<Blob, WebError> {
        let handle = file(&self.folder, &piece.name(), true).await?;
        if let Err(error) = write(&handle, chunks).await {
            // Half a piece takes room and serves nobody.
            self.remove(piece).await;
            return Err(error);
        }
        snapshot(&handle).await.map(Into::into)
    }

    /// Deletes a piece, if it is there.
    pub(crate) async fn remove(&self, piece: &Piece) {
        let _ = JsFuture::from(self.folder.remove_entry(&piece.name())).await;
    }
}

/// Models that are kept.
pub(crate) async fn list() -> Result<Vec<Entry>, WebError> {
    let Ok(root) = root(false).await else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    for key in names(&root).await? {
        let Ok(folder) = folder(&root, &key, false).await else { continue };
        let mut bytes = 0;
        let mut index = Index::default();
        for name in names(&folder).await?.into_iter().filter(|name| name != LOCK) {
            let Ok(handle) = file(&folder, &name, false).await else { continue };
            let Ok(found) = snapshot(&handle).await else { continue };
            if name == INDEX {
                index = serde_json::from_str(&text(&found).await?).unwrap_or_default();
            } else {
                bytes += found.size() as u64;
            }
        }
        entries.push(Entry { key, url: index.url, bytes, total: index.total });
    }
    Ok(entries)
}

/// Deletes a model that is kept, or all.
pub(crate) async fn delete(key: Option<&str>) -> Result<(), WebError> {
    let Ok(root) = root(false).await else { return Ok(()) };
    let keys = match key {
        Some(key) => vec![key.to_owned()],
        None => names(&root).await?,
    };
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    for key in keys {
        JsFuture::from(root.remove_entry_with_options(&key, &options))
            .await
            .map_err(refused("delete the model"))?;
    }
    Ok(())
}

/// A model's folder is named by its address.
fn key(url: &str) -> String {
    hex(&Sha256::digest(url.as_bytes()))[..32].to_owned()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn root(create: bool) -> Result<FileSystemDirectoryHandle, WebError> {
    let refused = refused("keep models");
    let storage = scope().navigator().storage();
    if storage.is_undefined() {
        return Err(refused(JsValue::from_str("it has no private file system here")));
    }
    let root = JsFuture::from(storage.get_directory()).await.map_err(&refused)?;
    folder(root.unchecked_ref(), FOLDER, create).await
}

async fn folder(
    parent: &FileSystemDirectoryHandle,
    name: &str,
    create: bool,
) -> Result<FileSystemDirectoryHandle, WebError> {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    let found = JsFuture::from(parent.get_directory_handle_with_options(name, &options)).await;
    Ok(found.map_err(refused("open its folder of models"))?.unchecked_into())
}

async fn file(
    folder: &FileSystemDirectoryHandle,
    name: &str,
    create: bool,
) -> Result<FileSystemFileHandle, WebError> {
    let options = FileSystemGetFileOptions::new();
    options.set_create(create);
    let found = JsFuture::from(folder.get_file_handle_with_options(name, &options)).await;
    Ok(found.map_err(refused("open a kept file"))?.unchecked_into())
}

async fn snapshot(handle: &FileSystemFileHandle) -> Result<File, WebError> {
    let file = JsFuture::from(handle.get_file()).await.map_err(refused("read a kept file"))?;
    Ok(file.unchecked_into())
}

async fn text(blob: &File) -> Result<String, WebError> {
    let text = JsFuture::from(blob.text()).await.map_err(refused("read a kept file"))?;
    Ok(text.as_string().unwrap_or_default())
}

async fn write(
    handle: &FileSystemFileHandle,
    chunks: &[js_sys::Uint8Array],
) -> Result<(), WebError> {
    let refused = refused("keep the model");
    let access = JsFuture::from(handle.create_sync_access_handle()).await.map_err(&refused)?;
    let access: FileSystemSyncAccessHandle = access.unchecked_into();
    let written = write_all(&access, chunks);
    access.close();
    written.map_err(refused)
}

fn write_all(
    access: &FileSystemSyncAccessHandle,
    chunks: &[js_sys::Uint8Array],
) -> Result<(), JsValue> {
    access.truncate_with_f64(0.0)?;
    for chunk in chunks {
        let written = access.write_with_buffer_source(chunk)?;
        if written < f64::from(chunk.length()) {
            return Err(JsValue::from_str("the disk is full"));
        }
    }
    access.flush()
}

async fn names(folder: &FileSystemDirectoryHandle) -> Result<Vec<String>, WebError> {
    let refused = refused("list its folder of models");
    let keys = folder.keys();
    let mut names = Vec::new();
    loop {
        let next = keys.next().map_err(&refused)?;
        let next = JsFuture::from(next).await.map_err(&refused)?;
        let next: js_sys::IteratorNext = next.unchecked_into();
        if next.done() {
            return Ok(names);
        }
        names.extend(next.value().as_string());
    }
}
