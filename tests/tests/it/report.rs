//! `report`: a page of a real run, of its seeds, and of what is no run.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

use crate::runs::Tiny;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8 path")
}

fn run(dir: &Path, seed: u64) -> PathBuf {
    let out = dir.join(format!("run-{seed}"));
    Tiny { seed, ..Tiny::default() }.run(dir, &out);
    out
}

#[test]
fn a_run_becomes_a_page_with_plots_tables_and_samples() {
    let dir = tempdir().expect("temporary folder");
    let run = run(dir.path(), 3);
    let called = thinkling(["report", text(&run)]).ends_with(exit::DONE);
    let file = run.join("report.html");
    assert_eq!(called.stdout.trim(), text(&file));
    let page = fs::read_to_string(&file).expect("a report");
    for words in [
        "Stage base",
        "Stage reason",
        "<dd>6 of 6</dd>",
        "finished",
        "Accuracy and format",
        "Evaluations by level",
        "Sample completions",
        "all steps",
        "Recipe as resolved",
    ] {
        assert!(page.contains(words), "no `{words}` in {}", file.display());
    }
    let plots = page.matches("<figure").count();
    assert_eq!(page.matches("class=\"axis-title").count(), 2 * plots);
    assert!(!page.contains("<script") && !page.contains("src="));
    // A run that has ended is written once, and the run's folder can still be resumed from.
    let out = dir.path().join("again.html");
    let watched = ["report", text(&run), "--watch", "--out", text(&out)];
    let watched = thinkling(watched).ends_with(exit::DONE);
    assert_eq!(watched.stdout.trim(), text(&out));
    assert_eq!(fs::read_to_string(&out).expect("a report"), page);
}

#[test]
fn seeds_share_a_page_and_other_recipes_do_not() {
    let dir = tempdir().expect("temporary folder");
    let (a, b) = (run(dir.path(), 3), run(dir.path(), 4));
    let called = thinkling(["report", text(&a), text(&b)]).ends_with(exit::DONE);
    let file = dir.path().join("tiny-seeds.html");
    assert_eq!(called.stdout.trim(), text(&file));
    let page = fs::read_to_string(&file).expect("a report");
    assert!(page.contains("seeds 3, 4") && page.contains("class=\"band c0\""));

    let other = dir.path().join("other");
    Tiny { steps: 4, ..Tiny::default() }.run(dir.path(), &other);
    thinkling(["report", text(&a), text(&other)]).ends_with(exit::WRONG_CALL).complains_about(&[
        "stage.base.steps",
        "6",
        "4",
    ]);
}

#[test]
fn what_is_no_run_is_a_wrong_call() {
    let dir = tempdir().expect("temporary folder");
    let absent = dir.path().join("absent");
    thinkling(["report", text(&absent)]).ends_with(exit::WRONG_CALL).complains_about(&["absent"]);
    thinkling(["report", text(dir.path())])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["no run folder", "recipe.toml"]);
    thinkling(["report"]).ends_with(exit::WRONG_CALL).complains_about(&["RUN"]);
}
