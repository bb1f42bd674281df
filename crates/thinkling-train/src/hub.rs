//! Models of the Hugging Face hub by their ids, in the cache that Hugging Face's own tools use.
//!
//! The protocol and the layout of the cache are those of the Python package `huggingface_hub`, whose
//! files this reads and which reads these. Of a model only what a run reads is fetched. Left out: data
//! sets, uploads, the protocol Xet (the hub gives the same files over plain HTTP).
//!
//! The crate `hf-hub` is not used: its version 1 is asynchronous alone, brings tokio, reqwest and
//! `hf-xet`, and does not go on with a broken download (its issue 196); its versions before, whose
//! synchronous half goes on, know neither `HF_HUB_CACHE` nor offline use.

mod cache;
mod client;
mod download;
mod error;
mod files;
mod id;
mod settings;

pub use error::HubError;
pub use id::{HubId, name_in_cache};
pub use settings::HubSettings;

use crate::error::Result;
use cache::{Cache, Snapshot};
use client::Client;
use files::{Listing, needed};
use std::path::{Path, PathBuf};

/// What of a model is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// All that a run reads.
    All,
    /// All but the weights: config, tokenizer, chat template.
    Shape,
}

/// A model in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its folder, or its GGUF file.
    pub path: PathBuf,
    /// Bytes of weights that are not there, where they were not wanted.
    pub missing_bytes: u64,
}

/// What is about to be fetched.
#[derive(Clone, Copy, Debug)]
pub struct FetchPlan<'a> {
    /// Of which model.
    pub id: &'a HubId,
    /// From where.
    pub endpoint: &'a str,
    /// Files that are not in the cache.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Watches what is fetched.
pub trait Watch {
    /// Files are fetched from now on.
    fn begins(&mut self, plan: &FetchPlan<'_>);
    /// So many bytes of them are there.
    fn progress(&mut self, done: u64, total: u64);
    /// Something that the user should know.
    fn note(&mut self, text: &str);
    /// All of them are there, or it failed.
    fn ends(&mut self);
}

/// The hub, as the environment describes it.
#[derive(Debug)]
pub struct Hub {
    settings: HubSettings,
    client: Client,
}

impl Hub {
    /// By the environment variables of Hugging Face's tools, see [`HubSettings`].
    pub fn from_env() -> Self {
        Self::new(HubSettings::from_env())
    }

    /// By these settings.
    pub fn new(settings: HubSettings) -> Self {
        let client = Client::new(&settings);
        Self { settings, client }
    }

    /// Brings a model into the cache, as far as it is not there, and gives its place. Where the hub
    /// cannot be reached, what is in the cache will do.
    ///
    /// # Errors
    /// [`HubError`]: no such model, a model that needs a login, a hub that cannot be reached or asks to
    /// wait too often, a model without files that can be read; a disk that is full.
    pub fn fetch(&self, id: &HubId, want: Want, watch: &mut dyn Watch) -> Result<Fetched> {
        let cache = Cache::new(&self.settings.cache, id);
        if let Some(fetched) = self.without_asking(&cache, id, want, watch)? {
            return Ok(fetched);
        }
        let listing = match self.client.listing(id, watch) {
            Ok(listing) => listing,
            Err(HubError::Unreachable { id, endpoint, reason }) => {
                let cached = cache.snapshot(id.revision());
                let cached = cached.and_then(|snapshot| as_cached(&snapshot, &id, want).ok());
                let Some(cached) = cached else {
                    return Err(HubError::Unreachable { id, endpoint, reason }.into());
                };
                watch.note(&format!(
                    "{endpoint} cannot be reached ({reason}); going on with {id} as it is in the cache"
                ));
                return Ok(cached);
            }
            Err(error) => return Err(error.into()),
        };
        let fetched = self.bring(&cache, &listing, id, want, watch);
        watch.ends();
        fetched
    }

    /// What is in the cache, where the hub need not or must not be asked: a commit never changes.
    fn without_asking(
        &self,
        cache: &Cache,
        id: &HubId,
        want: Want,
        watch: &mut dyn Watch,
    ) -> Result<Option<Fetched>> {
        let snapshot = cache.snapshot(id.revision());
        if self.settings.offline {
            let missing = |missing| HubError::Offline {
                id: id.clone(),
                cache: self.settings.cache.clone(),
                missing,
            };
            let snapshot = snapshot.ok_or_else(|| missing(None))?;
            let cached = as_cached(&snapshot, id, want).map_err(|file| missing(Some(file)))?;
            watch.note(&format!("HF_HUB_OFFLINE is set; {id} is taken from the cache"));
            return Ok(Some(cached));
        }
        let fixed = snapshot.filter(|snapshot| snapshot.commit == id.revision());
        // How large what is missing is only the hub knows.
        Ok(fixed.and_then(|snapshot| as_cached(&snapshot, id, Want::All).ok()))
    }

    fn bring(
        &self,
        cache: &Cache,
        listing: &Listing,
        id: &HubId,
        want: Want,
        watch: &mut dyn Watch,
    ) -> Result<Fetched> {
        let needed = needed(listing, id)?;
        let snapshot = cache.begin(&listing.commit, id.revision())?;
        let wanted = |weights: bool| want == Want::All || !weights;
        let is_missing = |name: &str| !snapshot.folder.join(name).exists();
        let missing: Vec<_> = needed.files.iter().filter(|f| is_missing(&f.name)).collect();
        let (now, later): (Vec<_>, Vec<_>) = missing.into_iter().partition(|f| wanted(f.weights));
        let bytes = |files: &[&files::Needed]| files.iter().map(|f| f.bytes).sum::<u64>();
        let total = bytes(&now);
        if !now.is_empty() {
            let endpoint = &self.settings.endpoint;
            watch.begins(&FetchPlan { id, endpoint, files: now.len(), bytes: total });
        }
        let mut done = 0;
        for file in now {
            let total = total.max(done + file.bytes);
            let mut progress = Progress { watch: &mut *watch, done, total };
            let place = (cache, &snapshot);
            done += download::file(&self.client, place, id, &file.name, &mut progress)?;
        }
        // The index is what counts; it may name files that are not called as usual.
        if want == Want::All {
            files::check_shards(&snapshot.folder, id)?;
        }
        cache.finish(&snapshot, id.revision())?;
        let path = match &needed.file {
            Some(name) => snapshot.folder.join(name),
            // Its config tells the shape, whichever of its weights are there.
            None if !later.is_empty() => snapshot.folder.join(files::CONFIG),
            None => snapshot.folder,
        };
        Ok(Fetched { path, missing_bytes: bytes(&later) })
    }
}

/// What the cache has of a commit; else the file that is missing.
fn as_cached(snapshot: &Snapshot, id: &HubId, want: Want) -> Result<Fetched, String> {
    let path = files::in_folder(&snapshot.folder, id, want)?;
    Ok(Fetched { path, missing_bytes: 0 })
}

/// Bytes of one file as part of all.
struct Progress<'a> {
    watch: &'a mut dyn Watch,
    done: u64,
    total: u64,
}

impl Progress<'_> {
    fn at(&mut self, bytes: u64) {
        self.watch.progress(self.done + bytes, self.total.max(self.done + bytes));
    }

    fn note(&mut self, text: &str) {
        self.watch.note(text);
    }
}

/// The id that `path` is, where it is no path that exists.
pub fn id_of(path: &Path) -> Option<HubId> {
    if path.exists() { None } else { path.to_str().and_then(HubId::parse) }
}
