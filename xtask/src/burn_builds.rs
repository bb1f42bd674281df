//! Whether the binary, the tests and the binary with the sandbox share one build of burn.
//!
//! Cargo unifies the features of all packages that are built together, dev-dependencies included.
//! A dependency that turns on a feature of any package below burn for one of them only makes cargo
//! compile burn again beside the one of `cargo run`: ten minutes, for nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::arrows::Graph;
use crate::cargo::{cargo, output};

/// Differences below burn between the binary's features and the others', in words.
pub(crate) fn differences(graph: &Graph) -> Result<Vec<String>> {
    let tree = |packages: &str| {
        let tree = format!("tree --prefix none --format {{p}}|{{f}} {packages}");
        Ok::<_, anyhow::Error>(features(&output(&mut cargo(&tree))?))
    };
    let run = tree("-p thinkling-cli -e normal,build")?;
    let others = [
        ("cargo test", "--workspace -e normal,build,dev"),
        ("cargo build --features sandbox", "-p thinkling-cli --features sandbox -e normal,build"),
    ];
    let below_burn = graph.needed_by("burn");
    let mut found = Vec::new();
    for (command, packages) in others {
        found.extend(compare(&run, command, &tree(packages)?, &below_burn));
    }
    Ok(found)
}

/// "name version" -> its features, from `cargo tree`'s lines: one set for the target, and maybe
/// another for what runs while compiling.
type Features = BTreeMap<String, BTreeSet<String>>;

fn features(tree: &str) -> Features {
    let mut found = Features::new();
    for line in tree.lines() {
        let Some((package, features)) = line.trim_end_matches(" (*)").split_once('|') else {
            continue;
        };
        let mut words = package.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            found.entry(format!("{name} {version}")).or_default().insert(features.to_owned());
        }
    }
    found
}

fn compare(
    run: &Features,
    command: &str,
    others: &Features,
    below_burn: &BTreeSet<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (package, features) in run {
        let name = package.split(' ').next().unwrap_or(package);
        let Some(other) = others.get(package) else { continue };
        if !below_burn.contains(name) || features.is_subset(other) {
            continue;
        }
        found.push(format!(
            "{package} has the features {features:?} in `cargo run` and {other:?} in `{command}`, \
             so burn is compiled twice; find the dependency with `cargo tree --workspace -e \
             features -i {name}`, and turn the feature on for thinkling-cli too"
        ));
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
        let found = compare(&features(RUN), "cargo test", &features(&test), &below);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("fastrand v2.5.0 has"), "{found:?}");
    }

    #[test]
    fn equal_trees_pass_whatever_the_tests_add() {
        let test = format!("{RUN}proptest v1.0.0|std\nfastrand v2.5.0|std (*)\n");
        let below = BTreeSet::from(["fastrand".to_owned(), "proptest".to_owned()]);
        assert!(compare(&features(RUN), "cargo test", &features(&test), &below).is_empty());
    }

    #[test]
    fn what_runs_while_compiling_counts_by_itself() {
        let run = format!("{RUN}fastrand v2.5.0|\n");
        let test = format!("{RUN}fastrand v2.5.0|default\n");
        let below = BTreeSet::from(["fastrand".to_owned()]);
        let found = compare(&features(&run), "cargo test", &features(&test), &below);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
