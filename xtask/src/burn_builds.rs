//! Whether the binary, the tests and the binary with the sandbox or with MPI share one build of burn.
//!
//! Cargo unifies the features of all packages that are built together, dev-dependencies included.
//! A dependency that turns on a feature of any package below burn for one of them only makes cargo
//! compile burn again beside the one of `cargo run`: ten minutes, for nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::cargo::{cargo, output};

/// Differences below burn between the binary's features and the others', in words.
pub(crate) fn differences() -> Result<Vec<String>> {
    let tree = |packages: &str| {
        output(&mut cargo(&format!("tree --prefix depth --format {{p}}|{{f}} {packages}")))
    };
    let run = tree("-p thinkling-cli -e normal,build")?;
    let below_burn = below(&run, "burn");
    let run = features(&run);
    let others = [
        ("cargo test", "--workspace -e normal,build,dev"),
        ("cargo build --features sandbox", "-p thinkling-cli --features sandbox -e normal,build"),
        ("cargo build --features mpi", "-p thinkling-cli --features mpi -e normal,build"),
    ];
    let mut found = Vec::new();
    for (command, packages) in others {
        found.extend(compare(&run, command, &features(&tree(packages)?), &below_burn));
    }
    Ok(found)
}

/// A line of `cargo tree --prefix depth --format {p}|{f}`.
struct Line<'a> {
    depth: usize,
    name: &'a str,
    version: &'a str,
    features: &'a str,
}

fn lines(tree: &str) -> impl Iterator<Item = Line<'_>> {
    tree.lines().filter_map(|line| {
        let (package, features) = line.trim_end_matches(" (*)").split_once('|')?;
        let digits = package.find(|c: char| !c.is_ascii_digit())?;
        let mut words = package[digits..].split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        Some(Line { depth: package[..digits].parse().ok()?, name, version, features })
    })
}

/// What `name` is built on, itself included. A package's dependencies stand below one of its lines.
fn below(tree: &str, name: &str) -> BTreeSet<String> {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut path: Vec<&str> = Vec::new();
    for line in lines(tree) {
        path.truncate(line.depth);
        if let Some(parent) = path.last() {
            needs.entry(parent).or_default().insert(line.name);
        }
        path.push(line.name);
    }
    let (mut found, mut open) = (BTreeSet::new(), vec![name]);
    while let Some(next) = open.pop() {
        if found.insert(next.to_owned()) {
            open.extend(needs.get(next).into_iter().flatten());
        }
    }
    found
}

/// "name version" -> its features: one set for the target, and maybe another for what runs while
/// compiling.
type Features = BTreeMap<String, BTreeSet<String>>;

fn features(tree: &str) -> Features {
    let mut found = Features::new();
    for Line { name, version, features, .. } in lines(tree) {
        found.entry(format!("{name} {version}")).or_default().insert(features.to_owned());
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

    const RUN: &str = "0thinkling-cli v0.1.0 (/somewhere)|\n1burn v0.22.1|\n2fastrand v2.5.0|std\n1clap v4.5.0|std\n";

    #[test]
    fn only_what_burn_is_built_on_counts() {
        let test = RUN.replace("v2.5.0|std", "v2.5.0|default,std").replace("v4.5.0|std", "v4.5.0|");
        let below = below(RUN, "burn");
        let found = compare(&features(RUN), "cargo test", &features(&test), &below);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("fastrand v2.5.0 has"), "{found:?}");
    }

    #[test]
    fn equal_trees_pass_whatever_the_tests_add() {
        let test = format!("{RUN}1proptest v1.0.0|std\n2fastrand v2.5.0|std (*)\n");
        let below = below(RUN, "burn");
        assert!(compare(&features(RUN), "cargo test", &features(&test), &below).is_empty());
    }

    #[test]
    fn what_runs_while_compiling_counts_by_itself() {
        let run = format!("{RUN}1fastrand v2.5.0|\n");
        let test = format!("{RUN}1fastrand v2.5.0|default\n");
        let below = below(RUN, "burn");
        let found = compare(&features(&run), "cargo test", &features(&test), &below);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
