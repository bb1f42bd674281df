//! Models of the hub that a recipe names by their ids.

use super::Recipe;
use crate::error::Result;
use crate::hub::{Fetched, HubId};
use std::path::{Path, PathBuf};

/// A model whose text may be an id of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// As an id.
    pub id: HubId,
    /// As a path.
    pub path: PathBuf,
}

/// A recipe as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedRecipe {
    /// The recipe.
    pub recipe: Recipe,
    /// Its models that are no paths that exist and may be on the hub, each once.
    pub hub: Vec<HubModel>,
}

impl LoadedRecipe {
    pub(super) fn new(recipe: Recipe, named: Vec<HubModel>) -> Self {
        let mut hub: Vec<HubModel> = Vec::new();
        for model in named {
            if !model.path.exists() && !hub.contains(&model) {
                hub.push(model);
            }
        }
        Self { recipe, hub }
    }

    /// Puts what `fetch` gives for each model of the hub in its place: the recipe then names files of
    /// the cache, and with them the commit, so that a run goes on with the same weights on any day.
    /// `None` leaves a model as it is.
    ///
    /// # Errors
    /// What `fetch` gives.
    pub fn fetch(
        mut self,
        mut fetch: impl FnMut(&HubId) -> Result<Option<Fetched>>,
    ) -> Result<Recipe> {
        for HubModel { id, path } in &self.hub {
            let Some(fetched) = fetch(id)? else { continue };
            for named in self.recipe.model_paths_mut() {
                if named == path {
                    named.clone_from(&fetched.path);
                }
            }
        }
        // What the names of models must not be is checked again, with the new ones.
        let file = Path::new("the recipe with models of the hub");
        Recipe::parse(&self.recipe.to_toml()?, file, Path::new(""), &[])
    }
}

impl Recipe {
    fn model_paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let root = self.model.path_mut().into_iter();
        root.chain(self.stages.iter_mut().flat_map(|stage| stage.model_paths_mut())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = r#"
        name = "all"
        model.path = "Org/base"
        [[stage]]
        name = "cold"
        kind = "cold-start"
        data = { kind = "mini-world" }
        rewrite = { max_tokens = 64, teacher = { kind = "local", model = { path = "Org/teacher@v2" } } }
        [[stage]]
        name = "rl"
        kind = "rl"
        model.path = "here/base"
        data = { kind = "mini-world" }
        rewards.judge = { model = "Org/judge" }
        [[stage]]
        name = "compare"
        kind = "eval"
        models = ["Org/base", "stage:rl", "/abs/olute"]
        data = ["mini-world"]
        judges = ["Org/judge"]
    "#;

    #[test]
    fn every_model_of_a_recipe_may_be_one_of_the_hub() {
        let dir = tempfile::tempdir().expect("temporary folder");
        std::fs::create_dir_all(dir.path().join("here/base")).expect("made");
        let file = dir.path().join("r.toml");
        std::fs::write(&file, RECIPE).expect("written");
        let loaded = Recipe::load_with_ids(&file, &[]).expect("valid");
        let ids: Vec<String> = loaded.hub.iter().map(|model| model.id.to_string()).collect();
        assert_eq!(ids, ["Org/base", "Org/teacher@v2", "Org/judge"], "what is there is a path");
        let cached = |id: &HubId| {
            let path = Path::new("/cache").join(id.name());
            Ok((id.name() != "teacher").then_some(Fetched { path, missing_bytes: 0 }))
        };
        let recipe = loaded.fetch(cached).expect("fetched").to_toml().expect("TOML");
        for (text, count) in [
            ("\"/cache/base\"", 2),
            ("\"/cache/judge\"", 2),
            ("/Org/teacher@v2\"", 1),
            ("/here/base\"", 1),
            ("\"stage:rl\"", 1),
        ] {
            assert_eq!(recipe.matches(text).count(), count, "{text} in {recipe}");
        }
    }
}
