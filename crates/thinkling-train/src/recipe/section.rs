//! Reads one table of a recipe key by key, and complains about the keys that nobody read.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::HubModel;
use super::choice::{Choice, nearest, words};
use super::range::{ANY, Range};
use super::tree::{Node, Table, Value};
use crate::error::{Place, Result, TrainError};
use crate::hub::HubId;

/// Folders that relative paths start from, and what was named by other means.
#[derive(Clone, Debug)]
pub(crate) struct Bases {
    /// For paths written in the recipe: its folder.
    pub(crate) recipe: PathBuf,
    /// For paths of `--set`: where the command was called.
    pub(crate) current: PathBuf,
    /// Models that may be meant as ids of the hub.
    pub(crate) hub: RefCell<Vec<HubModel>>,
}

impl Bases {
    pub(crate) fn new(recipe: PathBuf, current: PathBuf) -> Self {
        Self { recipe, current, hub: RefCell::default() }
    }
}

/// Counts fit 32 bits, so that sums and products of a few do not overflow.
const MAX_COUNT: u64 = u32::MAX as u64;
/// What a list of strings should be.
const TEXTS: &str = "an array of strings that are not empty";
/// What one or several tables should be.
const ONE_OR_MORE: &str = "a table, or an array of at least one table";

/// One table while it is read. Every method takes a key as known; [`Section::finish`] then names
/// the first key that none of them asked for.
pub(crate) struct Section<'a> {
    table: &'a Table,
    at: Place,
    path: String,
    bases: &'a Bases,
    known: Vec<String>,
    missing: Option<TrainError>,
}

impl<'a> Section<'a> {
    /// Starts to read `node`, which the dotted `path` leads to.
    ///
    /// # Errors
    /// [`TrainError::BadValue`] where it is no table.
    pub(crate) fn new(node: &'a Node, path: &str, bases: &'a Bases) -> Result<Self> {
        let Value::Table(table) = &node.value else {
            return Err(bad(node, path, "a table"));
        };
        let (at, path) = (node.at.clone(), path.to_owned());
        Ok(Self { table, at, path, bases, known: Vec::new(), missing: None })
    }

    /// Starts to read `node`, which `path` leads to from this table.
    ///
    /// # Errors
    /// As [`Section::new`].
    pub(crate) fn inner(&self, node: &'a Node, path: &str) -> Result<Self> {
        Self::new(node, &self.dotted(path), self.bases)
    }

    /// Reports the first unknown key, else the first missing one.
    pub(crate) fn finish(self) -> Result<()> {
        for (key, entry) in self.table {
            if !self.known.contains(key) {
                return Err(TrainError::UnknownKey {
                    at: entry.key_at.clone(),
                    key: self.dotted(key),
                    nearest: nearest(key, self.known.iter().map(String::as_str)),
                });
            }
        }
        self.missing.map_or(Ok(()), Err)
    }

    /// An error for `key`, whose value reads well alone and does not fit the others.
    pub(crate) fn conflict(&self, key: &str, expected: impl Into<String>) -> TrainError {
        match self.table.get(key) {
            Some(entry) => bad(&entry.node, &self.dotted(key), expected),
            None => TrainError::MissingKey {
                at: self.at.clone(),
                key: self.dotted(key),
                expected: expected.into(),
            },
        }
    }

    /// An error for the whole table, whose values read well alone and do not fit together.
    pub(crate) fn misfit(&self, reason: impl std::fmt::Display) -> TrainError {
        TrainError::BadValue {
            at: self.at.clone(),
            key: self.path.clone(),
            expected: "values that fit together".to_owned(),
            got: reason.to_string(),
        }
    }

    /// Whether the key is written.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes that a key without default is absent; [`Section::finish`] says so.
    fn note_missing(&mut self, key: &str, expected: String) {
        if self.missing.is_none() {
            self.missing = Some(self.conflict(key, expected));
        }
    }

    /// The keys of the table, in alphabetical order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.table.keys().map(String::as_str)
    }

    /// The error for `key`, which is not known where it stands.
    pub(crate) fn unknown(&self, key: &str, nearest: Option<String>) -> TrainError {
        let at = self.table.get(key).map_or(&self.at, |entry| &entry.key_at).clone();
        TrainError::UnknownKey { at, key: self.dotted(key), nearest }
    }

    /// The dotted path of a key of this table.
    pub(crate) fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key, if it is written.
    pub(crate) fn node(&mut self, key: &str) -> Option<&'a Node> {
        self.known.push(key.to_owned());
        self.table.get(key).map(|e| &e.node)
    }

    /// The table under a key, if it is written.
    pub(crate) fn section(&mut self, key: &str) -> Result<Option<Section<'a>>> {
        let path = self.dotted(key);
        self.node(key).map(|node| Section::new(node, &path, self.bases)).transpose()
    }

    /// The table under a key that must be written. Absent, it is an error at once, because nothing
    /// can stand for it; a misspelt key is named first.
    pub(crate) fn required_section(&mut self, key: &str) -> Result<Section<'a>> {
        match self.section(key)? {
            Some(section) => Ok(section),
            None => Err(self.absent(key, "a table")),
        }
    }

    /// The tables under a key that holds one or an array of at least one; an absent key holds none.
    pub(crate) fn tables(&mut self, key: &str) -> Result<Vec<Section<'a>>> {
        let Some(node) = self.node(key) else { return Ok(Vec::new()) };
        match &node.value {
            Value::Array(items) if items.is_empty() => Err(self.conflict(key, ONE_OR_MORE)),
            Value::Array(items) => {
                let inner = |(i, item)| self.inner(item, &format!("{key}.{i}"));
                items.iter().enumerate().map(inner).collect()
            }
            _ => Ok(self.section(key)?.into_iter().collect()),
        }
    }

    /// As [`Section::tables`] for a key that must be written; at once an error where it is not.
    pub(crate) fn required_tables(&mut self, key: &str) -> Result<Vec<Section<'a>>> {
        match self.tables(key)? {
            tables if tables.is_empty() => Err(self.absent(key, ONE_OR_MORE)),
            tables => Ok(tables),
        }
    }

    /// The error for a key that must be there, or for the misspelt key that was probably meant.
    pub(crate) fn absent(&self, key: &str, expected: impl Into<String>) -> TrainError {
        let meant = self.table.iter().find(|(k, _)| !self.known.contains(*k) && is_alike(k, key));
        match meant {
            Some((k, entry)) => TrainError::UnknownKey {
                at: entry.key_at.clone(),
                key: self.dotted(k),
                nearest: Some(key.to_owned()),
            },
            None => self.conflict(key, expected),
        }
    }

    /// A number; an integer will do. Absent, the slot keeps its value.
    pub(crate) fn float(&mut self, key: &str, slot: &mut f64, range: Range) -> Result<()> {
        let path = self.dotted(key);
        if let Some(node) = self.node(key) {
            *slot = to_float(node, &path, range)?;
        }
        Ok(())
    }

    /// As [`Section::float`] for a number that may be absent.
    pub(crate) fn optional_float(
        &mut self,
        key: &str,
        slot: &mut Option<f64>,
        range: Range,
    ) -> Result<()> {
        let path = self.dotted(key);
        if let Some(node) = self.node(key) {
            *slot = Some(to_float(node, &path, range)?);
        }
        Ok(())
    }

    /// A list of exactly `N` numbers.
    pub(crate) fn floats<const N: usize>(
        &mut self,
        key: &str,
        slot: &mut [f64; N],
        range: Range,
    ) -> Result<()> {
        let path = self.dotted(key);
        let Some(node) = self.node(key) else {
            return Ok(());
        };
        match &node.value {
            Value::Array(items) if items.len() == N => {
                for (slot, item) in slot.iter_mut().zip(items) {
                    *slot = to_float(item, &path, range)?;
                }
                Ok(())
            }
            _ => Err(bad(node, &path, format!("an array of {N} numbers"))),
        }
    }

    /// A count of at least `least`. Absent, the slot keeps its value.
    pub(crate) fn count(&mut self, key: &str, slot: &mut usize, least: u64) -> Result<()> {
        let mut wide = *slot as u64;
        self.integer(key, &mut wide, least, MAX_COUNT)?;
        // Fits: at most 32 bits, or the slot's own value again.
        *slot = wide as usize;
        Ok(())
    }

    /// As [`Section::count`] for a key that must be written.
    pub(crate) fn required_count(&mut self, key: &str, slot: &mut usize, least: u64) -> Result<()> {
        if !self.has(key) {
            self.note_missing(key, integer_words(least, MAX_COUNT));
        }
        self.count(key, slot, least)
    }

    /// An integer in `least..=most`. Absent, the slot keeps its value.
    pub(crate) fn integer(
        &mut self,
        key: &str,
        slot: &mut u64,
        least: u64,
        most: u64,
    ) -> Result<()> {
        let path = self.dotted(key);
        let Some(node) = self.node(key) else {
            return Ok(());
        };
        match &node.value {
            Value::Integer(i) if u64::try_from(*i).is_ok_and(|i| (least..=most).contains(&i)) => {
                *slot = i.unsigned_abs();
                Ok(())
            }
            _ => Err(bad(node, &path, integer_words(least, most))),
        }
    }

    /// A boolean. Absent, the slot keeps its value.
    pub(crate) fn flag(&mut self, key: &str, slot: &mut bool) -> Result<()> {
        let path = self.dotted(key);
        match self.node(key) {
            None => Ok(()),
            Some(Node { value: Value::Boolean(b), .. }) => {
                *slot = *b;
                Ok(())
            }
            Some(node) => Err(bad(node, &path, "true or false")),
        }
    }

    /// A string that is not empty, if the key is written.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>> {
        let path = self.dotted(key);
        self.node(key).map(|node| to_text(node, &path)).transpose()
    }

    /// A string, also an empty or blank one, if the key is written.
    pub(crate) fn any_text(&mut self, key: &str) -> Result<Option<String>> {
        match self.table.get(key).map(|entry| &entry.node.value) {
            Some(Value::String(text)) => {
                self.known.push(key.to_owned());
                Ok(Some(text.clone()))
            }
            _ => self.text(key),
        }
    }

    /// As [`Section::text`] for a key that must be written; at once an error where it is not.
    pub(crate) fn required_text(&mut self, key: &str) -> Result<String> {
        match self.text(key)? {
            Some(text) => Ok(text),
            None => Err(self.absent(key, "a string")),
        }
    }

    /// One of the spellings of `T`. Absent, the slot keeps its value.
    pub(crate) fn choice<T: Choice>(&mut self, key: &str, slot: &mut T) -> Result<()> {
        if let Some(value) = self.optional_choice(key)? {
            *slot = value;
        }
        Ok(())
    }

    /// One of the spellings of `T`, if the key is written.
    pub(crate) fn optional_choice<T: Choice>(&mut self, key: &str) -> Result<Option<T>> {
        let path = self.dotted(key);
        let Some(node) = self.node(key) else {
            return Ok(None);
        };
        let found = match &node.value {
            Value::String(text) => T::ALL.iter().find(|(name, _)| name == text),
            _ => None,
        };
        match found {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(bad(node, &path, words::<T>(&node.value))),
        }
    }

    /// As [`Section::optional_choice`] for a key that must be written; at once an error where it
    /// is not.
    pub(crate) fn required_choice<T: Choice>(&mut self, key: &str) -> Result<T> {
        match self.optional_choice(key)? {
            Some(value) => Ok(value),
            None => Err(self.absent(key, words::<T>(&Value::Boolean(false)))),
        }
    }

    /// A list of at least one string, each of them not empty, if the key is written.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        let path = self.dotted(key);
        let Some(node) = self.node(key) else { return Ok(None) };
        let texts = match &node.value {
            Value::Array(items) => items.iter().map(|item| match &item.value {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                _ => None,
            }),
            _ => return Err(bad(node, &path, TEXTS)),
        };
        match texts.collect::<Option<Vec<String>>>() {
            Some(texts) if !texts.is_empty() => Ok(Some(texts)),
            _ => Err(bad(node, &path, TEXTS)),
        }
    }

    /// Lowest and highest value, if the key is written.
    pub(crate) fn bounds(&mut self, key: &str) -> Result<Option<[f64; 2]>> {
        if !self.has(key) {
            return Ok(None);
        }
        let mut bounds = [0.0; 2];
        self.floats(key, &mut bounds, ANY)?;
        match bounds {
            [low, high] if low <= high => Ok(Some(bounds)),
            _ => Err(self.conflict(key, "two numbers, the lower first")),
        }
    }

    /// A path that must be written, relative ones from the recipe's folder (from the current one
    /// where `--set` wrote it).
    pub(crate) fn required_path(&mut self, key: &str) -> Result<PathBuf> {
        let text = self.required_text(key)?;
        Ok(self.resolve(key, &text))
    }

    /// `text`, the value of `key`, as a path from the folder it is relative to.
    pub(crate) fn resolve(&self, key: &str, text: &str) -> PathBuf {
        let base = match self.table.get(key).map(|e| &e.node.at) {
            Some(Place::Set(_)) => &self.bases.current,
            _ => &self.bases.recipe,
        };
        join(base, Path::new(text))
    }

    /// As [`Section::resolve`] for a model, which may be an id of the hub.
    pub(crate) fn resolve_model(&self, key: &str, text: &str) -> PathBuf {
        let path = self.resolve(key, text);
        if let Some(id) = HubId::parse(text) {
            self.bases.hub.borrow_mut().push(HubModel { id, path: path.clone() });
        }
        path
    }
}

/// Whether two keys are spelt so much alike that one may be meant by the other.
pub(crate) fn is_alike(a: &str, b: &str) -> bool {
    const ALIKE: f64 = 0.6;
    strsim::normalized_damerau_levenshtein(a, b) >= ALIKE
}

/// `base/path` without the `./` that an empty or plain base would leave in it.
fn join(base: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix(".").unwrap_or(path) {
        // Joining nothing would add a slash.
        path if path.as_os_str().is_empty() => base.to_path_buf(),
        path => base.join(path),
    }
}

fn bad(node: &Node, path: &str, expected: impl Into<String>) -> TrainError {
    TrainError::BadValue {
        at: node.at.clone(),
        key: path.to_owned(),
        expected: expected.into(),
        got: node.value.describe(),
    }
}

fn to_float(node: &Node, path: &str, range: Range) -> Result<f64> {
    let number = match node.value {
        Value::Float(x) => x,
        // Exact for every number a person writes; larger ones are rounded as a float would be.
        Value::Integer(i) => i as f64,
        _ => return Err(bad(node, path, range.words())),
    };
    if range.contains(number) { Ok(number) } else { Err(bad(node, path, range.words())) }
}

fn to_text(node: &Node, path: &str) -> Result<String> {
    // `--set name=7` means the string that was typed, also where it looks like a number.
    if let Place::Set(argument) = &node.at
        && !matches!(node.value, Value::String(_))
        && let Some((_, raw)) = argument.split_once('=')
    {
        return Ok(raw.trim().to_owned());
    }
    match &node.value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err(bad(node, path, "a string that is not empty")),
    }
}

fn integer_words(least: u64, most: u64) -> String {
    match (least, most) {
        (least, most) if most >= MAX_COUNT => format!("an integer of at least {least}"),
        (least, most) => format!("an integer from {least} to {most}"),
    }
}
