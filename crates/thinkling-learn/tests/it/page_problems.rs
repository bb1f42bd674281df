//! The problems that the page draws from: committed, so that the page is built without this crate.

use std::path::Path;
use thinkling_learn::world::{LevelMix, Split, problems};

const FILE: &str = "../../web/problems.json";

#[test]
fn the_page_has_problems_of_the_evaluation_split() {
    let drawn = problems(Split::Eval, 120, 20, &LevelMix::default()).expect("a mix");
    let lines: Vec<String> = drawn
        .iter()
        .map(|problem| serde_json::to_string(&problem.to_problem()).expect("JSON"))
        .collect();
    let expected = format!("[\n{}\n]\n", lines.join(",\n"));
    let path = Path::new(FILE);
    if std::env::var_os("WRITE_GOLDENS").is_some() {
        std::fs::write(path, &expected).expect("written");
    }
    let committed = std::fs::read_to_string(path).expect("committed; WRITE_GOLDENS=1 makes it");
    assert_eq!(committed, expected, "WRITE_GOLDENS=1 makes it again");
}
