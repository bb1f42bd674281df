//! Files of conversations.

use crate::atomic;
use crate::error::{Result, TrainError};
use crate::lines::json_line;
use serde::Serialize;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use thinkling_text::Message;

/// A line of the set.
#[derive(Serialize)]
struct Line<'a> {
    messages: &'a [Message],
    /// The problem's name in its data; none of what is mixed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a Value>,
}

/// Writes one conversation.
///
/// # Errors
/// What `out` fails with.
pub(crate) fn write_line(
    out: &mut dyn Write,
    messages: &[Message],
    id: Option<&str>,
    tools: Option<&Value>,
    failed: &dyn Fn(std::io::Error) -> TrainError,
) -> Result<()> {
    out.write_all(&json_line("an example", &Line { messages, id, tools })?).map_err(failed)
}

/// Writes a file whole or not at all; `fill` may fail otherwise than by writing.
///
/// # Errors
/// Those of `fill` and of writing.
pub(crate) fn write_set(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write, &dyn Fn(std::io::Error) -> TrainError) -> Result<()>,
) -> Result<()> {
    let mut reason = None;
    let written = atomic::write_with(path, |out| {
        fill(out, &|e| TrainError::write(path, e)).map_err(|error| {
            let ended = std::io::Error::other("what is written cannot be made");
            reason = Some(error);
            ended
        })
    });
    match reason {
        Some(reason) => Err(reason),
        None => written,
    }
}
