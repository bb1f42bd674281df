//! Stages of reinforcement learning on the same data beside each other: what a cold start or a reward is
//! worth shows in one picture.

use super::charts::curve;
use super::data::Stage;
use super::element::Element;
use super::plot::{
    Plot,
    Scale::{self, FromZero, Percent, WholePercent},
};
use std::collections::BTreeMap;

/// Key in the metrics, title, vertical axis, scale.
const PLOTS: [(&str, &str, &str, Scale); 5] = [
    ("accuracy", "Accuracy", "share of completions, %", WholePercent),
    ("length_tokens", "Completion length", "tokens a completion, mean", FromZero),
    ("reflecting_share", "Completions that reflect", "share of completions, %", Percent),
    ("language_consistency", "Language consistency", "share of words, %", WholePercent),
    ("format", "Format", "share of completions, %", WholePercent),
];

/// The section; `None` where no two such stages have begun. `stages` has each stage of all runs.
pub(super) fn overview(recipe: &toml::Table, stages: &[Vec<&Stage>]) -> Option<Element> {
    let tables = recipe.get("stage").and_then(toml::Value::as_array)?;
    let mut groups: BTreeMap<String, Vec<&[&Stage]>> = BTreeMap::new();
    for (table, runs) in tables.iter().zip(stages) {
        let begun = runs.iter().any(|stage| stage.kind == "rl" && !stage.lines.is_empty());
        if let Some(data) = table.get("data").filter(|_| begun) {
            groups.entry(asked(data)).or_default().push(runs);
        }
    }
    let group = |stages: &Vec<&[&Stage]>| {
        let plots = plots(stages);
        let names: Vec<&str> =
            stages.iter().filter_map(|runs| Some(runs.first()?.name.as_str())).collect();
        let grid = Element::new("div").class("plots").children(plots.iter().map(Plot::figure));
        (!plots.is_empty()).then(|| [Element::with_text("h3", &names.join(", ")), grid])
    };
    let groups: Vec<Element> =
        groups.values().filter(|stages| stages.len() > 1).filter_map(group).flatten().collect();
    (!groups.is_empty()).then(|| {
        Element::new("section")
            .attribute("id", "beside")
            .child(Element::with_text("h2", "Stages beside each other"))
            .children(groups)
    })
}

/// What a stage asks, whatever it rewards.
fn asked(data: &toml::Value) -> String {
    match data {
        toml::Value::Array(sources) => sources.iter().map(asked).collect::<Vec<_>>().join("\n"),
        toml::Value::Table(table) => {
            let keys = table.iter().filter(|(key, _)| *key != "rewards" && *key != "name");
            keys.map(|(key, value)| format!("{key}={value};")).collect()
        }
        other => other.to_string(),
    }
}

fn plots(stages: &[&[&Stage]]) -> Vec<Plot> {
    let plot = |&(key, title, y, scale): &(&str, &str, &str, Scale)| {
        let curves = stages.iter().filter_map(|runs| {
            let name = &runs.first()?.name;
            let (mut curve, _) = curve(name, runs.iter().map(|stage| stage.curve(key)).collect())?;
            // The steps' own values would hide the other stages.
            curve.raw = Vec::new();
            Some(curve)
        });
        let note = match stages.first().map_or(0, |runs| runs.len()) {
            0 | 1 => "Moving averages, in training.".to_owned(),
            seeds => {
                format!(
                    "Moving averages, in training. Line: mean of {seeds} seeds; area: least to most."
                )
            }
        };
        let (title, y, curves) = (title.to_owned(), y.to_owned(), curves.collect::<Vec<_>>());
        (curves.len() > 1).then_some(Plot { title, note, y, scale, curves })
    };
    PLOTS.iter().filter_map(plot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Run;
    use crate::report::tests::folder;

    /// The section of a run whose second `rl` stage asks `data`; its numbers are those of the first.
    fn section(data: &str) -> Option<String> {
        let dir = folder();
        let recipe = dir.path().join("recipe.toml");
        let text = std::fs::read_to_string(&recipe).expect("readable");
        let more = format!("\n[[stage]]\nname = \"other\"\nkind = \"rl\"\ndata = {data}\n");
        let text = text.replace("steps = 40", "steps = 40\ndata = { kind = \"mini-world\" }");
        std::fs::write(&recipe, text + &more).expect("written");
        let metrics = dir.path().join("metrics.jsonl");
        let text = std::fs::read_to_string(&metrics).expect("readable");
        let own: String = text
            .lines()
            .filter(|line| line.contains("\"stage\":\"rl\""))
            .map(|line| line.replace("\"stage\":\"rl\"", "\"stage\":\"other\"") + "\n")
            .collect();
        std::fs::write(&metrics, text + &own).expect("written");
        let run = Run::load(dir.path()).expect("loads");
        let stages: Vec<Vec<&Stage>> = run.stages.iter().map(|stage| vec![stage]).collect();
        overview(&run.recipe, &stages).map(Element::finish)
    }

    #[test]
    fn stages_on_the_same_data_share_plots_whatever_they_reward() {
        let same = section("{ kind = \"mini-world\", rewards = { format = { weight = 2 } } }");
        let html = same.expect("a section");
        for words in [
            "Stages beside each other",
            "<h3>rl, other</h3>",
            "<h4>Accuracy</h4>",
            "rl </span>",
            "other </span>",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
        assert!(section("{ kind = \"grown-world\" }").is_none());
    }
}
