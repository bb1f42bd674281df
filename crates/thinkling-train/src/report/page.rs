//! The page: heads of stages, plots, tables and samples in their order.

use super::charts::{Charts, charts};
use super::data::{Evaluation, Run, Stage, State};
use super::element::Element;
use super::models::models;
use super::numbers::{duration, grouped, percent, short};
use super::overview::overview;
use super::samples::samples;
use super::series::{smoothed, window};
use super::tables;

const STYLE: &str = include_str!("style.css");
/// Nothing from elsewhere and no scripts, whatever the texts of a run hold.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The report of a run, or of the seeds of one recipe.
pub(super) fn page(runs: &[Run]) -> String {
    let name = runs.first().map_or("", |run| run.info.name.as_str());
    let meta = |key: &str, name: &str, content: &str| {
        Element::new("meta").attribute(key, name).attribute("content", content)
    };
    let head = Element::new("head")
        .child(Element::new("meta").attribute("charset", "utf-8"))
        .child(meta("http-equiv", "Content-Security-Policy", POLICY))
        .child(meta("name", "viewport", "width=device-width, initial-scale=1"))
        .child(meta("name", "color-scheme", "light dark"))
        .child(Element::with_text("title", &format!("{name} - Thinkling report")))
        .child(Element::new("style").style(STYLE));
    let count = runs.first().map_or(0, |run| run.stages.len());
    let stages: Vec<Vec<&Stage>> =
        (0..count).map(|i| runs.iter().filter_map(|run| run.stages.get(i)).collect()).collect();
    let beside = runs.first().and_then(|run| overview(&run.recipe, &stages));
    let body = Element::new("body").child(header(runs, &stages)).child(
        Element::new("main")
            .children(beside)
            .children(stages.iter().map(|stage| stage_section(stage)))
            .child(run_section(runs)),
    );
    let html = Element::new("html").attribute("lang", "en").child(head).child(body);
    format!("<!DOCTYPE html>\n{}", html.finish())
}

fn header(runs: &[Run], stages: &[Vec<&Stage>]) -> Element {
    let name = runs.first().map_or("", |run| run.info.name.as_str());
    let seeds: Vec<String> = runs.iter().map(|run| run.info.seed.to_string()).collect();
    let seeds = format!("{} {}", if runs.len() == 1 { "seed" } else { "seeds" }, seeds.join(", "));
    let mut facts = vec![seeds];
    facts.extend(runs.first().map(|run| run.info.device.clone()));
    facts.extend(runs.first().map(|run| format!("started {}", run.info.started)));
    let mut states: Vec<&str> = runs.iter().map(|run| state_words(run.state)).collect();
    states.dedup();
    let line = Element::new("p")
        .class("facts")
        .children(states.iter().map(|words| Element::with_text("b", words).class("state")))
        .children(facts.iter().map(|fact| Element::with_text("span", fact)));
    let links = stages.iter().filter_map(|stage| stage.first()).map(|stage| {
        Element::with_text("a", &stage.name)
            .attribute("href", format_args!("#stage-{}", stage.name))
    });
    let run = Element::with_text("a", "recipe and versions").attribute("href", "#run");
    Element::new("header")
        .child(Element::with_text("h1", name))
        .child(line)
        .child(Element::new("nav").children(links).child(run))
}

fn state_words(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Finished => "finished",
        State::Stopped => "stopped before its end",
    }
}

fn stage_section(runs: &[&Stage]) -> Element {
    let Some(stage) = runs.first() else { return Element::new("section") };
    let mut section = Element::new("section")
        .class("stage")
        .attribute("id", format_args!("stage-{}", stage.name))
        .child(Element::with_text("h2", &format!("Stage {}", stage.name)))
        .child(stage_head(runs));
    let begun = runs.iter().any(|stage| stage.has_numbers());
    if !begun && stage.counts.is_empty() {
        return section.child(Element::with_text("p", "Not begun yet.").class("note"));
    }
    let Charts { main, other } = charts(runs);
    let grid = |plots: &[super::plot::Plot]| {
        Element::new("div").class("plots").children(plots.iter().map(super::plot::Plot::figure))
    };
    if !main.is_empty() {
        section = section.child(grid(&main));
    }
    if !other.is_empty() {
        let summary = format!("{} more curves", other.len());
        section = section.child(folded(&summary, [grid(&other)]));
    }
    section = section.children(models(runs));
    section = section.children(tables::evaluations(runs)).children(tables::timings(runs));
    for (run, stage) in runs.iter().enumerate() {
        // Data of seeds is counted alike; where not, each run has its own table.
        if run == 0 || stage.counts != runs[0].counts {
            section = section.children(stage.counts.iter().map(tables::counts));
        }
    }
    if runs.len() > 1 && !stage.sampled().is_empty() {
        let words = "The completions below are those of the first run.";
        section = section.child(Element::with_text("p", words).class("note"));
    }
    section.children(samples(stage))
}

fn folded(summary: &str, content: impl IntoIterator<Item = Element>) -> Element {
    Element::new("details")
        .class("fold")
        .child(Element::with_text("summary", summary))
        .children(content)
}

/// Kind, steps, time, model, and in a line what came of it.
fn stage_head(runs: &[&Stage]) -> Element {
    let stage = runs[0];
    let mut steps: Vec<String> =
        runs.iter().map(|stage| grouped(stage.steps() as f64, 0)).collect();
    steps.dedup();
    let steps = match stage.planned {
        0 => steps.join(", "),
        planned => format!("{} of {}", steps.join(", "), grouped(planned as f64, 0)),
    };
    let mut facts = vec![("kind", stage.kind.clone())];
    if stage.planned > 0 || runs.iter().any(|stage| stage.steps() > 0) {
        facts.push(("steps", steps));
    }
    let seconds: Vec<f64> = runs.iter().filter_map(|stage| stage.seconds("step_s")).collect();
    if !seconds.is_empty() {
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        let name = if runs.len() == 1 { "time of its steps" } else { "time of its steps, mean" };
        facts.push((name, duration(mean)));
    }
    if stage.models.is_empty() {
        facts.push(("starts from", stage.model.clone()));
    } else {
        facts.push(("evaluations", grouped(stage.models.len() as f64, 0)));
    }
    let fact = |(name, value): &(&'static str, String)| {
        Element::new("div")
            .child(Element::with_text("dt", name))
            .child(Element::with_text("dd", value))
    };
    let list = Element::new("dl").children(facts.iter().map(fact));
    let result = result_line(runs).map(|line| Element::with_text("p", &line).class("result"));
    Element::new("div").class("stage-head").child(list).children(result)
}

/// What the stage changed, from its evaluations, else from its metrics.
fn result_line(runs: &[&Stage]) -> Option<String> {
    let mean = |values: Vec<f64>| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let change = |name: &str, pairs: Vec<(f64, f64)>, words: &dyn Fn(f64) -> String| {
        let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        Some(format!("{name} {} → {}", words(mean(before)?), words(mean(after)?)))
    };
    let evaluated = |f: &dyn Fn(&crate::evaluate::Tally) -> f64| -> Vec<(f64, f64)> {
        let pair = |stage: &&Stage| {
            let sampled = stage.sampled();
            let (first, last) = (sampled.first_key_value()?, sampled.last_key_value()?);
            (first.0 < last.0).then(|| (f(&first.1.all), f(&last.1.all)))
        };
        runs.iter().filter_map(pair).collect()
    };
    let logged = |key: &str| -> Vec<(f64, f64)> {
        let pair = |stage: &&Stage| {
            let points = with_first_held_out(stage, key);
            let smooth = smoothed(&points, window(points.len()));
            Some((smooth.first()?.1, smooth.last()?.1))
        };
        runs.iter().filter_map(pair).collect()
    };
    let tokens = |x: f64| grouped(x, 1);
    let loss = |x: f64| grouped(x, 3);
    let mut parts = vec![
        change("accuracy", evaluated(&|t| t.accuracy()), &percent),
        change("format kept", evaluated(&|t| t.format()), &percent),
        change("tokens a completion", evaluated(&|t| t.mean_tokens()), &tokens),
    ];
    if parts.iter().all(Option::is_none) {
        parts = if runs[0].kind == "rl" {
            vec![
                change("accuracy in training", logged("accuracy"), &percent),
                change("reward", logged("reward"), &short),
                change("tokens a completion", logged("length_tokens"), &tokens),
            ]
        } else {
            vec![
                change("loss", logged("loss"), &loss),
                change("held-out loss", logged("eval_loss"), &loss),
                change("held-out token accuracy", logged("eval_token_accuracy"), &percent),
            ]
        };
    }
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A curve after what was measured before the first step.
fn with_first_held_out(stage: &Stage, key: &str) -> Vec<(f64, f64)> {
    let first = stage.evaluations.values().next().and_then(|evaluation| match evaluation {
        Evaluation::HeldOut { loss, .. } if key == "eval_loss" => Some((0.0, *loss)),
        Evaluation::Judged(judged) if key == "eval_loss" => Some((0.0, judged.loss)),
        Evaluation::HeldOut { token_accuracy, .. } if key == "eval_token_accuracy" => {
            Some((0.0, *token_accuracy))
        }
        _ => None,
    });
    first.into_iter().chain(stage.curve(key)).collect()
}

/// What holds for the run as a whole.
fn run_section(runs: &[Run]) -> Element {
    let recipe = runs.first().map_or("", |run| run.recipe_text.as_str());
    let recipe = &from_here(recipe);
    let title =
        if runs.len() == 1 { "Recipe as resolved" } else { "Recipe as resolved (first seed)" };
    let recipe = Element::with_text("pre", recipe).class("recipe");
    Element::new("section")
        .attribute("id", "run")
        .child(Element::with_text("h2", "Recipe and versions"))
        .children(runs.first().into_iter().flat_map(|run| run.counts.iter().map(tables::counts)))
        .child(tables::versions(runs))
        .child(folded(title, [recipe]))
}

/// A recipe with the paths below the present folder told from there: what stands above it says
/// nothing to a reader elsewhere.
fn from_here(recipe: &str) -> String {
    match std::env::current_dir() {
        Ok(here) => recipe.replace(&format!("\"{}/", here.display()), "\""),
        Err(_) => recipe.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::folder;
    use std::fs;

    #[test]
    fn paths_are_told_from_here() {
        let here = std::env::current_dir().expect("a folder");
        let recipe = format!("path = \"{}/a/b\"\nother = \"/c/d\"", here.display());
        assert_eq!(from_here(&recipe), "path = \"a/b\"\nother = \"/c/d\"");
    }

    /// Names of elements that are opened and not closed, by reading all tags in turn; panics where
    /// one closes what is not open.
    fn check_well_formed(html: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a document type");
        while let Some(start) = rest.find('<') {
            assert!(
                !rest[..start].contains('>') || open.last() == Some(&"style"),
                "{}",
                &rest[..start]
            );
            let end = start + rest[start..].find('>').expect("tags end");
            let tag = &rest[start + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "closes what is open; then {open:?}");
                continue;
            }
            let name = tag.split(' ').next().expect("a name");
            assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
            if !["meta", "br", "hr", "link"].contains(&name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    fn html(copies: usize) -> String {
        let dirs: Vec<_> = (0..copies).map(|_| folder()).collect();
        let runs: Vec<Run> = dirs.iter().map(|d| Run::load(d.path()).expect("loads")).collect();
        page(&runs)
    }

    #[test]
    fn the_page_is_whole_and_every_plot_has_its_axes_named() {
        for html in [html(1), html(3)] {
            check_well_formed(&html);
            let plots: Vec<&str> = html.split("<figure").skip(1).collect();
            assert!(plots.len() >= 9, "{}", plots.len());
            for plot in plots {
                let plot = plot.split("</figure>").next().expect("closed");
                assert_eq!(plot.matches("class=\"axis-title").count(), 2, "{plot}");
                assert!(plot.matches("class=\"tick").count() >= 4, "{plot}");
                assert!(plot.contains("<h4>") && plot.contains("class=\"legend\""), "{plot}");
                assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
            }
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_nothing_runs() {
        let html = html(1);
        // The run folder's question, answer, level and counts hold markup.
        for tag in ["<script", "<img", "<link", "<iframe", "<object", "@import", "url("] {
            assert!(!html.contains(tag), "{tag}");
        }
        let elsewhere = html.matches("http").count() - html.matches("http-equiv").count();
        assert_eq!(elsewhere, 0);
        assert!(html.contains("&lt;script&gt;alert(&#39;level&#39;)&lt;/script&gt;"));
        assert!(html.contains("default-src &#39;none&#39;"));
    }

    #[test]
    fn heads_say_what_a_stage_is_and_what_came_of_it() {
        let html = html(1);
        for words in [
            "<dd>40 of 40</dd>",
            "<dd>stage base</dd>",
            "accuracy 20.0 % → 80.0 %, format kept 40.0 % → 100.0 %",
            "held-out loss 3.500 → 2.000",
            "stopped before its end",
            "Recipe as resolved",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
    }

    #[test]
    fn a_stage_that_has_not_begun_says_so() {
        let dir = folder();
        fs::remove_file(dir.path().join("evaluation-rl-000000.json")).expect("removed");
        fs::remove_file(dir.path().join("evaluation-rl-000040.json")).expect("removed");
        let metrics = dir.path().join("metrics.jsonl");
        let text = fs::read_to_string(&metrics).expect("readable");
        let first: Vec<&str> = text.lines().filter(|l| l.contains("\"base\"")).collect();
        fs::write(&metrics, first.join("\n") + "\n").expect("written");
        let html = page(&[Run::load(dir.path()).expect("loads")]);
        assert_eq!(html.matches("Not begun yet.").count(), 1);
    }

    #[test]
    fn the_style_sheet_cannot_end_its_element() {
        assert!(!STYLE.contains("</"));
    }
}
