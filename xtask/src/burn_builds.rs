//! Whether the binary and the tests share one build of burn.
//!
//! Cargo unifies the features of all packages that are built together, dev-dependencies included.
//! A dev-dependency that turns on a feature of any package below burn makes `cargo test` compile
//! burn again beside the one of `cargo run`: ten minutes, for nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::arrows::Graph;
use crate::cargo::{cargo, output};

/// Differences below burn between the binary's and the tests' features, in words.
pub(crate) fn differences(graph: &Graph) -> Result<Vec<String>> {
    let tree = "tree --prefix none --format {p}|{f}";
    let run = output(&mut cargo(&format!("{tree} -p thinkling-cli -e normal,build")))?;
    let test = output(&mut cargo(&format!("{tree} --workspace -e normal,build,dev")))?;
    Ok(compare(&features(&run), &features(&test), &graph.needed_by("burn")))
}

/// "name version" -> its features, from `cargo tree`'s lines.
fn features(tree: &str) -> BTreeMap<String, String> {
    let lines = tree.lines().filter_map(|line| {
        let (package, features) = line.trim_end_matches(" (*)").split_once('|')?;
        let mut words = package.split_whitespace();
        Some((format!("{} {}", words.next()?, words.next()?), features.to_owned()))
    });
    lines.collect()
}

fn compare(
    run: &BTreeMap<String, String>,
    test: &BTreeMap<String, String>,
    below_burn: &BTreeSet<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (package, features) in run {
        let name = package.split(' ').next().unwrap_or(package);
        match test.get(package) {
            Some(other) if other != features && below_burn.contains(name) => found.push(format!(
                "{package} has the features [{features}] in `cargo run` and [{other}] in `cargo \
                 test`, so burn is compiled twice; find the dev-dependency with `cargo tree \
                 --workspace -e features -i {name}`"
            )),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "thinkling-cli v0.1.0 (/somewhere)|\nfastrand v2.5.0|std\nclap v4.5.0|std\n";

    #[test]
    fn only_what_burn_is_built_on_counts() {
        let test = RUN.replace("v2.5.0|std", "v2.5.0|default,std").replace("v4.5.0|std", "v4.5.0|");
        let below = BTreeSet::from(["fastrand".to_owned()]);
        let found = compare(&features(RUN), &features(&test), &below);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("fastrand v2.5.0 has"), "{found:?}");
    }

    #[test]
    fn equal_trees_pass_whatever_the_tests_add() {
        let test = format!("{RUN}proptest v1.0.0|std\nfastrand v2.5.0|std (*)\n");
        let below = BTreeSet::from(["fastrand".to_owned(), "proptest".to_owned()]);
        assert!(compare(&features(RUN), &features(&test), &below).is_empty());
    }
}
