//! The arrows of ARCHITECTURE.md, asserted from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result};
use serde_json::Value;

/// Crates that compile for wasm32 and stay free of files, threads, clocks and sockets.
pub(crate) const WASM_CLEAN: &[&str] = &[
    "thinkling-reward",
    "thinkling-text",
    "thinkling-weights",
    "thinkling-cpu",
    "thinkling-sampling",
    "thinkling-ops",
    "thinkling-model",
    "thinkling-grpo",
    "thinkling-engine",
    "thinkling-learn",
    "thinkling-web",
    "thinkling-web-learn",
    "thinkling-page",
];

/// What each crate may use of the others. A crate that is not here is free (the binary, tests,
/// this program). Dev-dependencies are free as well.
const ALLOWED: &[(&str, &[&str])] = &[
    ("thinkling-reward", &[]),
    ("thinkling-cpu", &[]),
    ("thinkling-sampling", &["thinkling-cpu"]),
    ("thinkling-weights", &[]),
    ("thinkling-text", &["thinkling-reward", "thinkling-weights"]),
    ("thinkling-ops", &["thinkling-cpu"]),
    (
        "thinkling-model",
        &["thinkling-cpu", "thinkling-ops", "thinkling-sampling", "thinkling-weights"],
    ),
    ("thinkling-grpo", &["thinkling-ops"]),
    ("thinkling-engine", &["thinkling-cpu", "thinkling-sampling", "thinkling-weights"]),
    (
        "thinkling-learn",
        &[
            "thinkling-cpu",
            "thinkling-grpo",
            "thinkling-model",
            "thinkling-reward",
            "thinkling-sampling",
            "thinkling-text",
            "thinkling-weights",
        ],
    ),
    (
        "thinkling-web",
        &[
            "thinkling-engine",
            "thinkling-grpo",
            "thinkling-reward",
            "thinkling-sampling",
            "thinkling-text",
            "thinkling-weights",
        ],
    ),
    // The page knows the packages as its visitors' browsers do: as JavaScript modules.
    ("thinkling-page", &[]),
    (
        "thinkling-web-learn",
        &[
            "thinkling-learn",
            "thinkling-model",
            "thinkling-reward",
            "thinkling-sampling",
            "thinkling-text",
            "thinkling-weights",
        ],
    ),
    ("thinkling-py", &["thinkling-reward"]),
    ("thinkling-sandbox", &["thinkling-reward"]),
    (
        "thinkling-serve",
        &["thinkling-engine", "thinkling-sampling", "thinkling-text", "thinkling-weights"],
    ),
    (
        "thinkling-train",
        &[
            "thinkling-cpu",
            "thinkling-engine",
            "thinkling-grpo",
            "thinkling-learn",
            "thinkling-model",
            "thinkling-reward",
            "thinkling-sampling",
            "thinkling-text",
            "thinkling-weights",
        ],
    ),
];

/// Crates that run natively only; nothing that is wasm-clean may reach them.
const NATIVE: &[&str] =
    &["thinkling-train", "thinkling-serve", "thinkling-sandbox", "thinkling-cli", "thinkling-py"];

/// Crates that never reach burn, by any path.
const WITHOUT_BURN: &[&str] = &[
    "thinkling-cpu",
    "thinkling-reward",
    "thinkling-text",
    "thinkling-weights",
    "thinkling-sampling",
    "thinkling-engine",
    "thinkling-py",
    "thinkling-sandbox",
    "thinkling-serve",
    "thinkling-web",
];

/// Crates whose part without optional dependencies never reaches burn.
const WITHOUT_BURN_BY_DEFAULT_FEATURES_OFF: &[&str] = &["thinkling-grpo"];

/// Further arrows that must not be, by any path.
const NEVER: &[(&str, &[&str])] = &[
    ("thinkling-grpo", &["thinkling-model"]),
    ("thinkling-web", &["thinkling-train", "thinkling-serve", "thinkling-sandbox"]),
    ("thinkling-web-learn", &["thinkling-train", "thinkling-serve", "thinkling-sandbox"]),
];

/// Features that bring files and threads; never on by default in a wasm-clean crate.
const NATIVE_FEATURES: &[&str] = &["mmap", "threads"];

/// Optional dependencies that are not followed, by the crate that has them.
type LeftOut<'a> = BTreeMap<&'a str, &'a BTreeSet<String>>;

/// The dependencies that decide a build: normal and build ones, on every platform.
#[derive(Default)]
pub(crate) struct Graph {
    members: BTreeMap<String, Member>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Default)]
struct Member {
    declared: BTreeSet<String>,
    /// Dependencies that it takes without any of their features.
    bare: BTreeSet<String>,
    optional: BTreeSet<String>,
    default_features: BTreeSet<String>,
}

impl Graph {
    /// Reads what `cargo metadata --format-version 1` prints.
    pub(crate) fn from_metadata(metadata: &Value) -> Result<Self> {
        let list = |v: &Value, key: &str| -> Result<Vec<Value>> {
            Ok(v[key].as_array().with_context(|| format!("metadata without `{key}`"))?.clone())
        };
        let packages = list(metadata, "packages")?;
        let name_of: BTreeMap<&str, &str> = packages
            .iter()
            .filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?)))
            .collect();
        let member_ids = list(metadata, "workspace_members")?;

        let mut graph = Self::default();
        for package in packages.iter().filter(|p| member_ids.contains(&p["id"])) {
            let mut member = Member::default();
            for dependency in list(package, "dependencies")? {
                let Some(name) = dependency["name"].as_str() else {
                    continue;
                };
                if dependency["kind"] == "dev" {
                    continue;
                }
                member.declared.insert(name.to_owned());
                let features = dependency["features"].as_array().map_or(0, Vec::len);
                if dependency["uses_default_features"] == false && features == 0 {
                    member.bare.insert(name.to_owned());
                }
                if dependency["optional"] == true {
                    member.optional.insert(name.to_owned());
                }
            }
            let default = package["features"]["default"].as_array().into_iter().flatten();
            member.default_features =
                default.filter_map(|f| Some(f.as_str()?.to_owned())).collect();
            let name = package["name"].as_str().context("package without a name")?;
            graph.members.insert(name.to_owned(), member);
        }
        for node in list(&metadata["resolve"], "nodes")? {
            let from = node["id"].as_str().and_then(|id| name_of.get(id));
            let from = *from.context("resolved package that is not listed")?;
            let targets = graph.edges.entry(from.to_owned()).or_default();
            for dep in list(&node, "deps")? {
                let built = dep["dep_kinds"].as_array().into_iter().flatten();
                let built = built.into_iter().any(|k| k["kind"] != "dev");
                if let (true, Some(to)) = (built, dep["pkg"].as_str().and_then(|p| name_of.get(p)))
                {
                    targets.insert((*to).to_owned());
                }
            }
        }
        Ok(graph)
    }

    /// All arrows that must not be, each in words; empty when the architecture holds.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, member) in &self.members {
            if let Some((_, allowed)) = ALLOWED.iter().find(|(n, _)| n == name) {
                for to in member.declared.iter().filter(|d| self.members.contains_key(*d)) {
                    if !allowed.contains(&to.as_str()) {
                        found.push(format!(
                            "{name} must not use {to} (an intended arrow goes into \
                             ARCHITECTURE.md and xtask/src/arrows.rs)"
                        ));
                    }
                }
            }
            if WASM_CLEAN.contains(&name.as_str()) {
                for feature in NATIVE_FEATURES {
                    if member.default_features.contains(*feature) {
                        found.push(format!(
                            "{name} is wasm-clean, so its feature `{feature}` must be off by \
                             default"
                        ));
                    }
                }
                self.never(name, NATIVE, &LeftOut::new(), &mut found);
            }
            if WITHOUT_BURN.contains(&name.as_str()) {
                // The workspace as a whole builds these with burn; this crate does not.
                let bare = WITHOUT_BURN_BY_DEFAULT_FEATURES_OFF.iter().copied();
                let bare = bare.filter(|dependency| member.bare.contains(*dependency));
                let left_out =
                    bare.filter_map(|name| Some((name, &self.members.get(name)?.optional)));
                self.never(name, &["burn"], &left_out.collect(), &mut found);
            }
            if WITHOUT_BURN_BY_DEFAULT_FEATURES_OFF.contains(&name.as_str()) {
                let left_out = LeftOut::from([(name.as_str(), &member.optional)]);
                self.never(name, &["burn"], &left_out, &mut found);
            }
            if let Some((_, targets)) = NEVER.iter().find(|(n, _)| n == name) {
                self.never(name, targets, &LeftOut::new(), &mut found);
            }
        }
        found
    }

    /// Whether the workspace has a crate of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// How many crates of the workspace have rules.
    pub(crate) fn ruled(&self) -> usize {
        self.members.keys().filter(|name| ALLOWED.iter().any(|(n, _)| n == *name)).count()
    }

    fn never(&self, from: &str, targets: &[&str], left_out: &LeftOut<'_>, found: &mut Vec<String>) {
        let previous = self.search(from, left_out);
        // burn's own parts count as burn: one cannot be had without most of the rest.
        let hit = previous.keys().find(|name| {
            targets.iter().any(|t| name == t || *t == "burn" && name.starts_with("burn-"))
        });
        if let Some(hit) = hit {
            let mut path = vec![hit.as_str()];
            while let Some(Some(before)) = previous.get(path[path.len() - 1]) {
                path.push(before);
            }
            path.reverse();
            found.push(format!("{from} must never reach {hit}, but does: {}", path.join(" -> ")));
        }
    }

    /// Breadth first from `from`; each package found, with the one it was found from.
    fn search(&self, from: &str, left_out: &LeftOut<'_>) -> BTreeMap<String, Option<String>> {
        let mut previous = BTreeMap::from([(from.to_owned(), None)]);
        let mut queue = VecDeque::from([from.to_owned()]);
        while let Some(name) = queue.pop_front() {
            for to in self.edges.get(&name).into_iter().flatten() {
                let skipped = left_out.get(name.as_str()).is_some_and(|out| out.contains(to));
                if skipped || previous.contains_key(to) {
                    continue;
                }
                previous.insert(to.clone(), Some(name.clone()));
                queue.push_back(to.clone());
            }
        }
        previous
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace in which `arrows` hold: (from, to, optional).
    fn graph(arrows: &[(&str, &str, bool)]) -> Graph {
        let names: BTreeSet<&str> = arrows.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        let packages: Vec<Value> = names
            .iter()
            .map(|name| {
                let own = arrows.iter().filter(|(from, ..)| from == name);
                let deps: Vec<Value> = own
                    .map(|(_, to, optional)| {
                        serde_json::json!({
                            "name": to, "kind": null, "optional": optional,
                            // As the workspace takes thinkling-grpo where no feature is added.
                            "uses_default_features": *to != "thinkling-grpo", "features": [],
                        })
                    })
                    .collect();
                serde_json::json!({"id": name, "name": name, "dependencies": deps, "features": {}})
            })
            .collect();
        let nodes: Vec<Value> = names
            .iter()
            .map(|name| {
                let own = arrows.iter().filter(|(from, ..)| from == name);
                let deps: Vec<Value> = own
                    .map(|(_, to, _)| serde_json::json!({"pkg": to, "dep_kinds": [{"kind": null}]}))
                    .collect();
                serde_json::json!({"id": name, "deps": deps})
            })
            .collect();
        let members: Vec<&&str> = names.iter().filter(|n| n.starts_with("thinkling-")).collect();
        let metadata = serde_json::json!({
            "packages": packages, "workspace_members": members, "resolve": {"nodes": nodes},
        });
        Graph::from_metadata(&metadata).unwrap()
    }

    #[test]
    fn the_intended_arrows_pass() {
        let graph = graph(&[
            ("thinkling-text", "thinkling-reward", false),
            ("thinkling-model", "burn", false),
            ("thinkling-grpo", "burn", true),
            ("thinkling-learn", "thinkling-model", false),
            ("thinkling-cli", "thinkling-learn", false),
            ("burn", "burn-core", false),
        ]);
        assert_eq!(graph.violations(), Vec::<String>::new());
    }

    #[test]
    fn burn_behind_another_package_is_found_with_its_path() {
        let found = graph(&[("thinkling-reward", "maths", false), ("maths", "burn-core", false)])
            .violations();
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("thinkling-reward -> maths -> burn-core"), "{found:?}");
    }

    #[test]
    fn grpo_may_have_burn_only_as_an_option() {
        assert!(graph(&[("thinkling-grpo", "burn", true)]).violations().is_empty());
        assert_eq!(graph(&[("thinkling-grpo", "burn", false)]).violations().len(), 1);
    }

    #[test]
    fn the_page_may_use_grpo_without_its_options_only() {
        let option =
            graph(&[("thinkling-web", "thinkling-grpo", false), ("thinkling-grpo", "burn", true)]);
        assert_eq!(option.violations(), Vec::<String>::new());
        let mut with_burn = option;
        with_burn.members.get_mut("thinkling-web").unwrap().bare.clear();
        let found = with_burn.violations();
        assert!(
            found.iter().any(|v| v.contains("thinkling-web must never reach burn")),
            "{found:?}"
        );
    }

    #[test]
    fn grpo_must_not_use_the_model() {
        let found = graph(&[("thinkling-grpo", "thinkling-model", true)]).violations();
        assert!(found.iter().any(|v| v.contains("never reach thinkling-model")), "{found:?}");
    }

    #[test]
    fn a_wasm_clean_crate_must_not_reach_the_trainer() {
        let found = graph(&[("thinkling-learn", "thinkling-train", false)]).violations();
        assert!(found.iter().any(|v| v.contains("never reach thinkling-train")), "{found:?}");
    }

    #[test]
    fn dev_dependencies_are_free() {
        let package = serde_json::json!({
            "id": "r", "name": "thinkling-reward", "features": {},
            "dependencies": [{"name": "burn", "kind": "dev", "optional": false}],
        });
        let metadata = serde_json::json!({
            "packages": [package, {"id": "b", "name": "burn"}],
            "workspace_members": ["r"],
            "resolve": {"nodes": [
                {"id": "r", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "dev"}]}]},
            ]},
        });
        assert!(Graph::from_metadata(&metadata).unwrap().violations().is_empty());
    }

    #[test]
    fn files_by_default_in_a_wasm_clean_crate_are_refused() {
        let package = serde_json::json!({
            "id": "w", "name": "thinkling-weights", "dependencies": [],
            "features": {"default": ["mmap"]},
        });
        let metadata = serde_json::json!({
            "packages": [package], "workspace_members": ["w"],
            "resolve": {"nodes": [{"id": "w", "deps": []}]},
        });
        assert_eq!(Graph::from_metadata(&metadata).unwrap().violations().len(), 1);
    }
}
