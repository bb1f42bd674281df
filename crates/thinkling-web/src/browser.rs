//! What a browser has instead of files: blobs, fetched streams, and the origin's private file system.

mod cache;
mod download;
mod files;
mod js;
mod load;

pub(crate) use cache::{delete, list};
pub(crate) use js::{breathe, now};
pub(crate) use load::{Loader, Source};
