//! `[scale.NAME]`: tables of a recipe that `--set scale=NAME` lays over it.

use super::choice::nearest;
use super::tree::{self, Entry, Node, Table, Value};
use crate::error::{Result, TrainError};

const KEY: &str = "scale";

/// Takes the scales out of the recipe, lays the one over it that `sets` pick, and applies the other
/// `KEY=VALUE` of `sets`, in order.
///
/// # Errors
/// A scale that the recipe lacks, an entry of a list that a scale names and the recipe lacks, and
/// [`TrainError::BadSet`]. A last key that nothing reads is found when the tree is read.
pub(super) fn apply(root: &mut Node, sets: &[String]) -> Result<()> {
    let scales = match &mut root.value {
        Value::Table(table) => table.remove(KEY),
        _ => None,
    };
    let mut scales = match scales {
        None => Table::new(),
        Some(Entry { node: Node { value: Value::Table(scales), .. }, .. }) => scales,
        Some(Entry { node, .. }) => {
            return Err(bad(&node, KEY, "tables [scale.NAME], picked by `--set scale=NAME`"));
        }
    };
    if let Some((name, scale)) =
        scales.iter().find(|(_, s)| !matches!(s.node.value, Value::Table(_)))
    {
        return Err(bad(&scale.node, &format!("{KEY}.{name}"), "a table of the keys that it sets"));
    }
    let pick = |set: &'_ String| -> Option<String> {
        let (key, name) = set.split_once('=')?;
        (key.trim() == KEY).then(|| name.trim().trim_matches('"').to_owned())
    };
    let picked = sets.iter().rev().find_map(|set| Some((set, pick(set)?)));
    if let Some((set, name)) = picked {
        let names: Vec<&str> = scales.keys().map(String::as_str).collect();
        let reason = match names.as_slice() {
            [] => "the recipe has no table [scale.NAME]".to_owned(),
            names => format!("expected: one of {}, got: {name}", names.join(", ")),
        };
        let Some(Entry { node, .. }) = scales.remove(&name) else {
            return Err(TrainError::BadSet { argument: set.clone(), reason });
        };
        lay_over(root, node, &format!("{KEY}.{name}"))?;
    }
    for set in sets.iter().filter(|set| pick(set).is_none()) {
        if set.trim_start().starts_with("scale.") {
            let reason = "a scale is picked by `scale=NAME`; its keys are set by their own names";
            return Err(TrainError::BadSet { argument: set.clone(), reason: reason.to_owned() });
        }
        tree::set(root, set)?;
    }
    Ok(())
}

/// Lays `over` over `node`: tables key by key, a table over a list of tables entry by entry, by name or
/// number; anything else takes the place of what was there. `path` leads to `over`.
fn lay_over(node: &mut Node, over: Node, path: &str) -> Result<()> {
    match (&mut node.value, over.value) {
        (Value::Table(table), Value::Table(keys)) => {
            for (key, entry) in keys {
                match table.get_mut(&key) {
                    Some(under) => lay_over(&mut under.node, entry.node, &format!("{path}.{key}"))?,
                    None => drop(table.insert(key, entry)),
                }
            }
        }
        (Value::Array(items), Value::Table(keys)) => {
            for (key, entry) in keys {
                let path = format!("{path}.{key}");
                let Ok(index) = tree::find(items, &key) else {
                    let names = items.iter().filter_map(tree::name);
                    let nearest = nearest(&key, names);
                    return Err(TrainError::UnknownKey { at: entry.key_at, key: path, nearest });
                };
                lay_over(&mut items[index], entry.node, &path)?;
            }
        }
        (_, value) => *node = Node { value, at: over.at },
    }
    Ok(())
}

fn bad(node: &Node, key: &str, expected: &str) -> TrainError {
    TrainError::BadValue {
        at: node.at.clone(),
        key: key.to_owned(),
        expected: expected.to_owned(),
        got: node.value.describe(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::error::Result;
    use crate::recipe::{QuestionSource, Recipe, StageKind};

    const SCALED: &str = "name='a'\nseed=1\nmodel.path='m'\n\
        [[stage]]\nname='zero'\nkind='rl'\nsteps=200\nlr=1e-3\ndata={kind='mini-world', english=0.5}\n\
        eval={problems=90, every=40}\n\
        [[stage]]\nname='learn'\nkind='sft'\nepochs=2\ndata={kind='jsonl', path='a.jsonl'}\n\
        [scale.smoke]\nseed=7\nstage.zero.steps=4\nstage.zero.data.english=1\n\
        stage.learn={epochs=1, data=[{kind='jsonl', path='b.jsonl'}]}\n\
        [scale.large.stage.zero]\nsteps=900\n\
        [scale.wrong]\nstage.zero.stepz=4\n\
        [scale.lost]\nstage.zerro.steps=4\n";

    fn parse(text: &str, sets: &[&str]) -> Result<Recipe> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Recipe::parse(text, Path::new("r.toml"), Path::new("/r"), &sets)
    }

    fn refused(text: &str, sets: &[&str]) -> String {
        parse(text, sets).expect_err("refused").to_string()
    }

    #[test]
    fn a_scale_is_laid_over_the_recipe_key_by_key() {
        let plain = parse(SCALED, &[]).expect("valid");
        assert_eq!((plain.seed, plain.stages[0].steps()), (1, 200));
        let smoke = parse(SCALED, &["scale=smoke"]).expect("valid");
        assert_eq!((smoke.seed, smoke.stages[0].steps()), (7, 4));
        let (StageKind::Rl(rl), StageKind::Sft(sft)) =
            (&smoke.stages[0].kind, &smoke.stages[1].kind)
        else {
            panic!("other stages")
        };
        assert_eq!(rl.training.lr, 1e-3);
        assert_eq!(rl.eval.as_ref().map(|eval| (eval.problems, eval.every)), Some((90, 40)));
        let QuestionSource::MiniWorld(mix) = &rl.data[0].source else { panic!("other data") };
        assert_eq!(mix.english, 1.0);
        assert_eq!((sft.epochs, sft.data[0].path()), (1.0, Some(Path::new("/r/b.jsonl"))));
        assert_eq!(parse(SCALED, &["scale=large"]).expect("valid").stages[0].steps(), 900);
        // What is resolved needs no scale any more.
        let again = parse(&smoke.to_toml().expect("serialised"), &[]).expect("valid");
        assert_eq!(again, smoke);
    }

    #[test]
    fn keys_of_the_command_line_win_over_the_scale() {
        for sets in [["scale=smoke", "stage.zero.steps=6"], ["stage.zero.steps=6", "scale=smoke"]] {
            let recipe = parse(SCALED, &sets).expect("valid");
            assert_eq!((recipe.seed, recipe.stages[0].steps()), (7, 6), "{sets:?}");
        }
        let last = parse(SCALED, &["scale=smoke", "scale=large"]).expect("valid");
        assert_eq!((last.seed, last.stages[0].steps()), (1, 900));
    }

    #[test]
    fn mistakes_are_told_with_what_there_is() {
        let error = refused(SCALED, &["scale=small"]);
        assert!(error.contains("large, lost, smoke, wrong") && error.contains("small"), "{error}");
        let error = refused("name='a'", &["scale=small"]);
        assert!(error.contains("no table [scale.NAME]"), "{error}");
        let error = refused(SCALED, &["scale=wrong"]);
        assert!(error.contains("r.toml:24") && error.contains("`stage.zero.stepz`"), "{error}");
        assert!(error.contains("`steps`"), "{error}");
        let error = refused(SCALED, &["scale=lost"]);
        assert!(
            error.contains("r.toml:26") && error.contains("`scale.lost.stage.zerro`"),
            "{error}"
        );
        assert!(error.contains("nearest known key: `zero`"), "{error}");
        let error = refused(SCALED, &["scale.smoke.seed=8"]);
        assert!(error.contains("scale=NAME"), "{error}");
        for wrong in ["scale=3\n", "scale.small=3\n"] {
            let error = refused(&format!("{wrong}{}", SCALED.split("[scale").next().unwrap()), &[]);
            assert!(error.contains("scale") && error.contains("integer 3"), "{error}");
        }
    }
}
