//! What samples completions, in an `rl` stage and in `bench grpo`.

mod servers;

use serde::{Deserialize, Serialize, Serializer};
use thinkling_engine::Format;
use thinkling_learn::RolloutConfig;
use thinkling_model::Precision;

use super::choice::choices;
use super::section::Section;
use crate::error::Result;

pub use servers::{ServerKeys, ServerKind};

choices! {
    /// What decodes while completions are sampled.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum RolloutKind {
        /// The model that is trained, on its own device.
        #[default]
        Burn = "burn",
        /// The decode engine, with a copy of the weights that is renewed before each rollout.
        Engine = "engine",
    }
}

choices! {
    /// Where the engine decodes.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum RolloutDevice {
        /// On the device that learns.
        #[default]
        Same = "same",
        /// On the CPU.
        Cpu = "cpu",
        /// On the GPU that learns, or on the best one where the CPU learns.
        Gpu = "gpu",
    }
}

choices! {
    /// How weights are read while sampling.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum RolloutWeights {
        /// As they are trained.
        #[default]
        F32 = "f32",
        /// Rounded to bfloat16: half the memory, and up to half the time of a step of few
        /// completions. With `kind = "burn"` on the CPU alone; elsewhere they are read as they are.
        Bf16 = "bf16",
        /// Rounded to 16-bit floats; engine only.
        F16 = "f16",
        /// In blocks of 32 bytes with a scale, as ggml's Q8_0; engine only.
        Q8_0 = "q8_0",
    }
}

impl RolloutWeights {
    /// The same for the model, where it reads weights so.
    pub(crate) fn precision(self) -> Option<Precision> {
        match self {
            Self::F32 => Some(Precision::F32),
            Self::Bf16 => Some(Precision::Bf16),
            Self::F16 | Self::Q8_0 => None,
        }
    }

    /// The same for the engine.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::F32 => Format::F32,
            Self::Bf16 => Format::Bf16,
            Self::F16 => Format::F16,
            Self::Q8_0 => Format::Q8_0,
        }
    }

    /// Bytes of so many weights.
    pub(crate) fn bytes(self, count: usize) -> usize {
        match self {
            Self::F32 => 4 * count,
            Self::Bf16 | Self::F16 => 2 * count,
            Self::Q8_0 => count + count / 16,
        }
    }
}

/// Keys of the table `rollout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RolloutKeys {
    /// What decodes. Default `burn`.
    pub kind: RolloutKind,
    /// Where the engine decodes. Default `same`.
    pub device: RolloutDevice,
    /// How the weights are read while sampling; the metrics `logprob_gap_mean`, `logprob_gap_max`
    /// and `logprob_ratio_mean` show what it costs, and `importance_correction` makes up for it.
    /// Default `f32`.
    pub weights: RolloutWeights,
    /// Completions decoded at once at most; whole groups, at least one. The engine's cache has room
    /// for all of them at their longest; on a GPU it takes fewer where one buffer cannot hold so
    /// many keys. Default 256.
    pub max_rows: usize,
}

impl Default for RolloutKeys {
    fn default() -> Self {
        Self {
            kind: RolloutKind::Burn,
            device: RolloutDevice::Same,
            weights: RolloutWeights::F32,
            max_rows: RolloutConfig::MAX_ROWS,
        }
    }
}

choices! {
    /// What samples in an `rl` stage.
    enum RolloutsKind {
        /// [`RolloutKind::Burn`].
        Burn = "burn",
        /// [`RolloutKind::Engine`].
        Engine = "engine",
        /// Servers.
        Http = "http",
    }
}

/// What samples in an `rl` stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Rollouts {
    /// This process.
    Here(RolloutKeys),
    /// `kind = "http"`: servers.
    #[serde(serialize_with = "with_kind")]
    Servers(Box<ServerKeys>),
}

/// Writes servers as the table that they are read from.
fn with_kind<S: Serializer>(keys: &ServerKeys, to: S) -> std::result::Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Table<'a> {
        kind: RolloutsKind,
        #[serde(flatten)]
        keys: &'a ServerKeys,
    }
    Table { kind: RolloutsKind::Http, keys }.serialize(to)
}

impl Default for Rollouts {
    fn default() -> Self {
        Self::Here(RolloutKeys::default())
    }
}

impl Rollouts {
    /// Reads the table `rollout` of a stage that trains adapters or not.
    pub(super) fn read(mut s: Section<'_>, has_adapters: bool) -> Result<Self> {
        let kind = s.optional_choice("kind")?;
        if kind == Some(RolloutsKind::Http) {
            return Ok(Self::Servers(Box::new(ServerKeys::read(s, has_adapters)?)));
        }
        let mut keys = RolloutKeys::default();
        keys.read(s)?;
        Ok(Self::Here(keys))
    }

    /// The keys of what samples here; the default's where servers do.
    pub fn here(&self) -> RolloutKeys {
        match self {
            Self::Here(keys) => *keys,
            Self::Servers(_) => RolloutKeys::default(),
        }
    }
}

impl RolloutKeys {
    pub(super) fn read(&mut self, mut s: Section<'_>) -> Result<()> {
        s.choice("kind", &mut self.kind)?;
        s.choice("device", &mut self.device)?;
        s.choice("weights", &mut self.weights)?;
        s.count("max_rows", &mut self.max_rows, 1)?;
        if self.kind == RolloutKind::Burn {
            if self.weights.precision().is_none() {
                let expected =
                    "\"f32\" or \"bf16\" with `kind` = \"burn\"; the others are for \"engine\"";
                return Err(s.conflict("weights", expected));
            }
            if self.device != RolloutDevice::Same {
                let expected = "\"same\" with `kind` = \"burn\"; the others are for \"engine\"";
                return Err(s.conflict("device", expected));
            }
        }
        s.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::tests::read_back;
    use crate::recipe::{RlStage, StageKind};
    use thinkling_grpo::{CorrectionKind, ImportanceCorrection};

    fn parse(keys: &str, sets: &[&str]) -> Result<RlStage> {
        let text = format!(
            "name = \"r\"\n[model]\npath = \"m\"\n[[stage]]\nname = \"rl\"\nkind = \"rl\"\n\
             data = {{ kind = \"mini-world\" }}\n{keys}\n"
        );
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let recipe = read_back(&text, &sets)?;
        match &recipe.stages[0].kind {
            StageKind::Rl(stage) => Ok((**stage).clone()),
            other => panic!("not rl: {other:?}"),
        }
    }

    #[test]
    fn rollouts_are_the_models_own_unless_the_recipe_says_otherwise() {
        let stage = parse("", &[]).unwrap();
        assert_eq!(stage.rollout, Rollouts::default());
        assert_eq!(stage.objective().importance_correction.kind, CorrectionKind::None);
        let keys = "rollout = { kind = \"engine\", weights = \"q8_0\" }\n\
                    importance_correction = { kind = \"truncate\" }";
        let stage = parse(keys, &["stage.rl.rollout.device=\"cpu\""]).unwrap();
        let RolloutKeys { kind, device, weights, max_rows } = stage.rollout.here();
        assert_eq!((kind, device), (RolloutKind::Engine, RolloutDevice::Cpu));
        assert_eq!((weights.format(), max_rows), (Format::Q8_0, 256));
        let truncate = ImportanceCorrection { kind: CorrectionKind::Truncate, cap: 2.0 };
        assert_eq!(stage.objective().importance_correction, truncate);
        let by_set = parse("", &["stage.rl.rollout.kind=\"engine\""]).unwrap();
        assert_eq!(by_set.rollout.here().kind, RolloutKind::Engine);
    }

    fn servers(keys: &str) -> ServerKeys {
        match parse(keys, &[]).expect(keys).rollout {
            Rollouts::Servers(keys) => *keys,
            other => panic!("no servers: {other:?}"),
        }
    }

    #[test]
    fn servers_are_named_by_their_addresses() {
        let keys =
            servers("rollout = { kind = \"http\", urls = [\"http://a:1/v1/\", \"http://b:2\"] }");
        assert_eq!(keys.urls, ["http://a:1", "http://b:2"]);
        assert_eq!(
            (keys.server, keys.max_lag, keys.requests.concurrency),
            (ServerKind::Thinkling, 0, 4)
        );
        let keys = servers(
            "rollout = { kind = \"http\", urls = [\"http://a:1\"], server = \"vllm\", weights_dir = \
             \"w\", max_lag = 2, weights = \"bf16\" }\nlora = {}\n\
             importance_correction = { kind = \"truncate\" }",
        );
        assert_eq!((keys.server, keys.max_lag), (ServerKind::Vllm, 2));
        assert!(keys.weights_dir.is_some_and(|dir| dir.ends_with("w")));
    }

    #[test]
    fn servers_that_do_not_fit_say_what_does() {
        for (keys, words) in [
            ("", "`stage.rl.rollout.urls`, expected: addresses"),
            ("urls = []", "an array of strings"),
            ("urls = [\"https://a\"]", "begin with `http://`"),
            ("urls = [\"http://a/b\"]", "begin with `http://`"),
            ("urls = [\"http://a\", \"http://a/v1\"]", "each address once"),
            ("urls = [\"http://a\"], server = \"tgi\"", "\"thinkling\", \"vllm\", \"sglang\""),
            ("urls = [\"http://a\"], server = \"sglang\"", "`stage.rl.rollout.weights_dir`"),
            ("urls = [\"http://a\"], weights_dir = \"w\"", "which gets its weights by HTTP"),
            ("urls = [\"http://a\"], server = \"vllm\", weights_dir = \"w\"", "`lora`"),
            ("urls = [\"http://a\"], weights = \"q8_0\"", "\"f32\", \"bf16\" or \"f16\""),
            ("urls = [\"http://a\"], max_lag = 1", "`stage.rl.importance_correction`"),
            ("urls = [\"http://a\"], device = \"gpu\"", "unknown key `stage.rl.rollout.device`"),
            ("urls = [\"http://a\"], concurrency = 0", "`stage.rl.rollout.concurrency`"),
        ] {
            let table = format!("rollout = {{ kind = \"http\", {keys} }}").replace(", }", " }");
            let error = parse(&table, &[]).expect_err(keys).to_string();
            assert!(error.contains(words), "{keys}: {error}");
        }
    }

    #[test]
    fn what_does_not_fit_says_what_does() {
        for (keys, words) in [
            ("rollout = \"engine\"", "`stage.rl.rollout`, expected: a table"),
            ("rollout = { kind = \"vllm\" }", "one of \"burn\", \"engine\", \"http\""),
            ("rollout = { device = \"tpu\" }", "one of \"same\", \"cpu\", \"gpu\""),
            ("rollout = { weights = \"q4\" }", "one of \"f32\", \"bf16\", \"f16\", \"q8_0\""),
            ("rollout = { weights = \"q8_0\" }", "\"f32\" or \"bf16\" with `kind` = \"burn\""),
            ("rollout = { device = \"cpu\" }", "\"same\" with `kind` = \"burn\""),
            ("rollout = { max_rows = 0 }", "`stage.rl.rollout.max_rows`"),
            ("rollout = { kinds = \"engine\" }", "unknown key `stage.rl.rollout.kinds`"),
            ("rollout_weights = \"bf16\"", "rollout = { weights = \"bf16\" }"),
            ("importance_correction = { kind = \"clip\" }", "\"none\", \"truncate\", \"mask\""),
            ("importance_correction = { cap = 0.5 }", "a number of at least 1"),
            ("importance_correction = { level = 1 }", "unknown key"),
        ] {
            let error = parse(keys, &[]).expect_err(keys).to_string();
            assert!(error.contains(words), "{keys}: {error}");
            assert!(error.starts_with("r.toml:"), "{keys}: {error}");
        }
    }
}
