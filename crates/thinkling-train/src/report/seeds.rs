//! Whether runs are seeds of one recipe.

use super::data::Run;
use crate::error::{Result, TrainError};
use std::collections::BTreeMap;
use std::fs;

/// Differences that a message names; of more the number says enough.
const NAMED: usize = 5;

/// Checks that the recipes of `runs` are the same but for the seed.
///
/// # Errors
/// [`TrainError::RunsDiffer`] with what differs.
pub(super) fn check_same_recipe(runs: &[Run]) -> Result<()> {
    let Some((first, others)) = runs.split_first() else { return Ok(()) };
    let keys = flat(&first.recipe);
    for (index, other) in others.iter().enumerate() {
        let mut differences = differences(&keys, &flat(&other.recipe));
        let same = |run: &Run| match (fs::canonicalize(&run.path), fs::canonicalize(&other.path)) {
            (Ok(a), Ok(b)) => a == b,
            _ => run.path == other.path,
        };
        if runs[..=index].iter().any(same) {
            differences.insert(0, format!("{} is given twice", other.path.display()));
        }
        if differences.is_empty() {
            continue;
        }
        let more = differences.len().saturating_sub(NAMED);
        differences.truncate(NAMED);
        if more > 0 {
            differences.push(format!("and {more} more keys"));
        }
        return Err(TrainError::RunsDiffer {
            first: first.path.clone(),
            other: other.path.clone(),
            differences,
        });
    }
    Ok(())
}

/// Keys of a recipe with their values, stages by name; without the seed.
fn flat(recipe: &toml::Table) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for (key, value) in recipe.iter().filter(|(key, _)| *key != "seed") {
        flatten(key, value, &mut keys);
    }
    keys
}

fn flatten(path: &str, value: &toml::Value, keys: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                flatten(&format!("{path}.{key}"), value, keys);
            }
        }
        toml::Value::Array(items) if items.iter().all(toml::Value::is_table) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(toml::Value::as_str);
                let name = name.map_or_else(|| index.to_string(), str::to_owned);
                flatten(&format!("{path}.{name}"), item, keys);
            }
        }
        value => {
            keys.insert(path.to_owned(), value.to_string());
        }
    }
}

fn differences(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let mut all: Vec<&String> = a.keys().chain(b.keys()).collect();
    all.sort();
    all.dedup();
    let word =
        |keys: &BTreeMap<String, String>, key| keys.get(key).cloned().unwrap_or("absent".into());
    all.into_iter()
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| format!("`{key}` is {} and {}", word(a, key), word(b, key)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> BTreeMap<String, String> {
        flat(&text.parse().expect("TOML"))
    }

    #[test]
    fn the_seed_alone_may_differ() {
        let a = recipe("name='a'\nseed=1\n[[stage]]\nname='rl'\nlr=1e-4\n[stage.data]\nkind='x'");
        let b = recipe("name='a'\nseed=2\n[[stage]]\nname='rl'\nlr=1e-4\n[stage.data]\nkind='x'");
        assert!(differences(&a, &b).is_empty());
        let c =
            recipe("name='a'\nseed=1\n[[stage]]\nname='rl'\nlr=2e-4\n[stage.data]\nkind='x'\nn=3");
        let expected = ["`stage.rl.data.n` is absent and 3", "`stage.rl.lr` is 0.0001 and 0.0002"];
        assert_eq!(differences(&a, &c), expected);
    }
}
