//! A recipe as a tree of values that know where they were written, and `--set` on that tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::error::{Place, Result, TrainError};

/// Longer recipes are refused before they are read.
const MAX_BYTES: usize = 1 << 20;
/// Parts of a dotted key beyond which a line is refused: reading nests a table for each.
const MAX_DOTS_IN_KEY: usize = 64;
/// Parts of a `--set` path.
const MAX_SET_DEPTH: usize = 8;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Place,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    String(String),
    Integer(i64),
    /// An integer beyond 64 bits, as written.
    HugeInteger(String),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
}

/// Keys of a table with the places of the keys.
pub(crate) type Table = BTreeMap<String, Entry>;

/// One key of a table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key_at: Place,
    pub(crate) node: Node,
}

impl Value {
    /// Type and value in words, shortened, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::String(text) => format!("string \"{}\"", shorten(text)),
            Self::Integer(i) => format!("integer {i}"),
            Self::HugeInteger(text) => format!("integer {}", shorten(text)),
            Self::Float(x) => format!("float {x}"),
            Self::Boolean(b) => format!("boolean {b}"),
            Self::Datetime(text) => format!("date or time {text}"),
            Self::Array(items) => format!("array of {}", items.len()),
            Self::Table(_) => "table".to_owned(),
        }
    }
}

fn shorten(text: &str) -> String {
    const KEEP: usize = 60;
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(KEEP).collect();
    if text.chars().count() > KEEP { format!("{line}..") } else { line }
}

/// Reads the text of a recipe.
///
/// # Errors
/// [`TrainError::RecipeSyntax`] with line and column.
pub(crate) fn parse(text: &str, file: &Path) -> Result<Node> {
    let file: Arc<Path> = file.into();
    let lines = Lines { text, starts: line_starts(text), file };
    let syntax = |byte: usize, message: String| TrainError::RecipeSyntax {
        at: lines.place(byte),
        column: lines.column(byte),
        message,
    };
    if text.len() > MAX_BYTES {
        return Err(syntax(
            0,
            format!("a recipe has at most {MAX_BYTES} bytes, got: {}", text.len()),
        ));
    }
    for (line, start) in text.split('\n').zip(&lines.starts) {
        if line.bytes().filter(|&b| b == b'.').count() > MAX_DOTS_IN_KEY && nests(line) {
            return Err(syntax(*start, "a dotted key with too many parts".to_owned()));
        }
    }
    let table = DeTable::parse(text).map_err(|e| {
        syntax(e.span().map_or(0, |s| s.start), e.message().trim().replace('\n', ", "))
    })?;
    Ok(Node { value: convert_table(table.get_ref(), &lines), at: lines.place(0) })
}

/// Whether the line holds a key (of a table or of a value) of very many parts.
fn nests(line: &str) -> bool {
    let (mut dots, mut most) = (0, 0);
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, '.') => dots += 1,
            (None, ',' | '=' | '[' | ']' | '{' | '}') => dots = 0,
            (None, '#') => break,
            _ => {}
        }
        most = most.max(dots);
    }
    most > MAX_DOTS_IN_KEY
}

struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    file: Arc<Path>,
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect()
}

impl Lines<'_> {
    fn index(&self, byte: usize) -> usize {
        self.starts.partition_point(|&start| start <= byte).saturating_sub(1)
    }

    fn place(&self, byte: usize) -> Place {
        Place::File { file: self.file.clone(), line: self.index(byte) + 1 }
    }

    fn column(&self, byte: usize) -> usize {
        let start = self.starts[self.index(byte)];
        self.text.get(start..byte).map_or(0, |line| line.chars().count()) + 1
    }
}

fn convert_table(table: &DeTable<'_>, lines: &Lines<'_>) -> Value {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key_at = lines.place(key.span().start);
        let mut node =
            Node { value: convert(value.get_ref(), lines), at: lines.place(value.span().start) };
        // The span of a table that a header opens is wherever the reader saw it first.
        if matches!(node.value, Value::Table(_)) {
            node.at = key_at.clone();
        }
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        (key.to_string(), Entry { key_at, node })
    };
    Value::Table(table.iter().map(entry).collect())
}

fn convert(value: &DeValue<'_>, lines: &Lines<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(i) => Value::Integer(i),
            Err(_) => Value::HugeInteger(i.to_string()),
        },
        DeValue::Float(x) => x.as_str().parse().map_or(Value::Float(f64::NAN), Value::Float),
        DeValue::Boolean(b) => Value::Boolean(*b),
        DeValue::Datetime(d) => Value::Datetime(d.to_string()),
        DeValue::Array(items) => {
            let node = |item: &toml::Spanned<DeValue<'_>>| Node {
                value: convert(item.get_ref(), lines),
                at: lines.place(item.span().start),
            };
            Value::Array(items.iter().map(node).collect())
        }
        DeValue::Table(table) => convert_table(table, lines),
    }
}

/// Applies one `KEY=VALUE`. A part of the path that stands for an entry of a list of tables is
/// the entry's `name` or its number, counted from 0.
///
/// # Errors
/// [`TrainError::BadSet`]. A last key that nothing reads is found when the tree is read.
pub(crate) fn set(root: &mut Node, argument: &str) -> Result<()> {
    let bad = |reason: String| TrainError::BadSet { argument: argument.to_owned(), reason };
    let (path, text) = argument
        .split_once('=')
        .ok_or_else(|| bad("expected: KEY=VALUE with a dotted key".to_owned()))?;
    let parts: Vec<&str> = path.split('.').map(str::trim).collect();
    if parts.iter().any(|part| part.is_empty()) || parts.len() > MAX_SET_DEPTH {
        return Err(bad(format!("`{path}` is not a dotted key of 1 to {MAX_SET_DEPTH} parts")));
    }
    let at = Place::Set(argument.into());
    let new = |value| Node { value, at: at.clone() };
    let mut node = root;
    for part in &parts[..parts.len() - 1] {
        let kind = node.value.describe();
        node = match &mut node.value {
            Value::Table(table) => {
                let entry = || Entry { key_at: at.clone(), node: new(Value::Table(Table::new())) };
                &mut table.entry((*part).to_owned()).or_insert_with(entry).node
            }
            Value::Array(items) => {
                let index = find(items, part).map_err(&bad)?;
                &mut items[index]
            }
            _ => return Err(bad(format!("`{part}` looks for a table and finds: {kind}"))),
        };
    }
    let last = parts[parts.len() - 1];
    let kind = node.value.describe();
    let Value::Table(table) = &mut node.value else {
        return Err(bad(format!("`{last}` needs a table to stand in, got: {kind}")));
    };
    let node = new(parse_value(text.trim(), &at));
    table.insert(last.to_owned(), Entry { key_at: at.clone(), node });
    Ok(())
}

/// The `name` of an entry of a list.
pub(super) fn name(node: &Node) -> Option<&str> {
    let Value::Table(table) = &node.value else { return None };
    match table.get("name").map(|e| &e.node.value) {
        Some(Value::String(name)) => Some(name),
        _ => None,
    }
}

/// The entry of a list of tables that `part` names.
pub(super) fn find(items: &[Node], part: &str) -> Result<usize, String> {
    if let Some(index) = items.iter().position(|item| name(item) == Some(part)) {
        return Ok(index);
    }
    if let Ok(index) = part.parse::<usize>()
        && index < items.len()
    {
        return Ok(index);
    }
    let nearest = super::choice::nearest(part, items.iter().filter_map(name));
    Err(match nearest {
        Some(nearest) => format!(
            "no entry `{part}`, nearest name: `{nearest}` (or a number from 0 to {})",
            items.len() - 1
        ),
        None => format!("no entry `{part}` in a list of {}", items.len()),
    })
}

/// `text` as a TOML value, or as a string where it is none.
fn parse_value(text: &str, at: &Place) -> Value {
    fn place_all(node: &mut Node, at: &Place) {
        node.at = at.clone();
        match &mut node.value {
            Value::Array(items) => items.iter_mut().for_each(|n| place_all(n, at)),
            Value::Table(table) => table.values_mut().for_each(|e| {
                e.key_at = at.clone();
                place_all(&mut e.node, at);
            }),
            _ => {}
        }
    }
    // Parsed as a whole document of one key; a text that smuggles in more is a plain string.
    let parsed = parse(&format!("value = {text}"), Path::new("--set"));
    if let Ok(Node { value: Value::Table(mut table), .. }) = parsed
        && table.len() == 1
        && let Some(mut entry) = table.remove("value")
    {
        place_all(&mut entry.node, at);
        return entry.node.value;
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        parse(text, Path::new("r.toml")).expect("valid TOML")
    }

    fn get<'a>(node: &'a Node, path: &[&str]) -> &'a Node {
        path.iter().fold(node, |node, part| match &node.value {
            Value::Table(table) => &table[*part].node,
            Value::Array(items) => &items[part.parse::<usize>().expect("an index")],
            other => panic!("{part} of {}", other.describe()),
        })
    }

    fn file(line: usize) -> Place {
        Place::File { file: Path::new("r.toml").into(), line }
    }

    #[test]
    fn every_value_knows_its_line() {
        let tree = tree(
            "name = 'a'\n\n[model]\npath = 'b'\n[[stage]]\nname = 'x'\n[[stage]]\nlr = 1e-3\n",
        );
        assert_eq!(get(&tree, &["name"]).at, file(1));
        assert_eq!(get(&tree, &["model"]).at, file(3));
        assert_eq!(get(&tree, &["model", "path"]).at, file(4));
        assert_eq!(get(&tree, &["stage", "1"]).at, file(7));
        assert_eq!(get(&tree, &["stage", "1", "lr"]).at, file(8));
    }

    #[test]
    fn a_syntax_error_has_line_and_column() {
        let error = parse("a = 1\nb = é§\n", Path::new("r.toml")).expect_err("no value");
        let TrainError::RecipeSyntax { at, column, .. } = &error else { panic!("{error}") };
        assert_eq!((at, *column), (&file(2), 5));
    }

    #[test]
    fn set_reaches_tables_and_list_entries_by_name_and_number() {
        let mut tree = tree("[[stage]]\nname='a'\n[[stage]]\nname='rl'\nlr=1\n");
        set(&mut tree, "stage.rl.lr=1e-4").expect("by name");
        set(&mut tree, "stage.0.data.path = x/y.txt").expect("by number");
        set(&mut tree, "seed=7").expect("top level");
        let Node { value: Value::Float(lr), at } = get(&tree, &["stage", "1", "lr"]) else {
            panic!("not a float")
        };
        assert_eq!((*lr, at), (1e-4, &Place::Set("stage.rl.lr=1e-4".into())));
        let path = &get(&tree, &["stage", "0", "data", "path"]).value;
        assert!(matches!(path, Value::String(s) if s == "x/y.txt"), "{path:?}");
        assert!(matches!(get(&tree, &["seed"]).value, Value::Integer(7)));
    }

    #[test]
    fn set_errors_name_what_is_near() {
        let mut tree = tree("name='n'\n[[stage]]\nname='warm-up'\n");
        let message = set(&mut tree, "stage.warmup.lr=1").expect_err("no such stage").to_string();
        assert!(message.contains("`warm-up`"), "{message}");
        for bad in
            ["lr", "=1", "a..b=1", "name.x=1", "stage.0=1", "stage.7.lr=1", "a.b.c.d.e.f.g.h.i=1"]
        {
            let error = set(&mut tree, bad).expect_err(bad);
            assert!(matches!(error, TrainError::BadSet { .. }), "{error}");
        }
    }

    #[test]
    fn a_set_value_cannot_smuggle_in_further_keys() {
        let mut tree = tree("name='n'");
        set(&mut tree, "name=1\nseed=2").expect("a string with a line end");
        assert!(matches!(&get(&tree, &["name"]).value, Value::String(s) if s == "1\nseed=2"));
    }

    #[test]
    fn absurd_nesting_is_an_error_and_no_overflow() {
        let dots = format!("{}=1", vec!["a"; 100_000].join("."));
        let header = format!("[{}]", vec!["a"; 100_000].join("."));
        let arrays = format!("a={}", "[".repeat(100_000));
        let tables = format!("a={}", "{a=".repeat(100_000));
        for text in [dots, header, arrays, tables] {
            let error = parse(&text, Path::new("r.toml")).expect_err("too deep");
            assert!(matches!(error, TrainError::RecipeSyntax { .. }));
        }
    }

    #[test]
    fn dots_in_a_long_text_are_no_nesting() {
        let dots = ".".repeat(500);
        let text = format!("a = \"{dots}\" # {dots}\nb = [{}]", "0.5, ".repeat(500));
        assert!(parse(&text, Path::new("r.toml")).is_ok());
    }
}
