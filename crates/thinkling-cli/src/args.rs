//! The command line.

mod chat;
mod eval;
mod plan;
mod report;
mod review;
mod sampling;
mod serve;
mod shell;
mod world;

pub(crate) use chat::{ChatArgs, ThinkingArg};
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use eval::{AnswerArg, EvalArgs};
pub(crate) use plan::PlanArgs;
pub(crate) use report::ReportArgs;
pub(crate) use review::ReviewArgs;
pub(crate) use sampling::SamplingArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use shell::{CompletionsArgs, ManArgs};
use std::path::PathBuf;
use thinkling_reward::score::ScoreKind;
use thinkling_train::recipe::Template;
pub(crate) use world::WorldArgs;

/// Trains small language models to reason, as DeepSeek-R1 did, and runs them.
#[derive(Debug, Parser)]
#[command(name = "thinkling", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Start here: thinkling train recipes/quickstart.toml

Exit status: 0 done, 1 failed while running, 2 the call or recipe is wrong, 3 an input file is
damaged or unsupported, 4 the run waits for a review. Results go to stdout, progress and notes to stderr.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a recipe's stages, or go on with a stopped run
    Train(TrainArgs),
    /// Tell tokens, operations, bytes and hours of a recipe on GPUs that are not here
    Plan(PlanArgs),
    /// Measure a model: pass@1, cons@k, pass@j, format, length, with intervals
    Eval(Box<EvalArgs>),
    /// Complete a prompt
    Generate(Box<GenerateArgs>),
    /// Talk with a model on the terminal
    Chat(Box<ChatArgs>),
    /// Answer OpenAI's HTTP API: completions and chats, also as streams
    Serve(Box<ServeArgs>),
    /// Write a model as a folder that transformers opens, as a GGUF file, or packed for the web
    Export(ExportArgs),
    /// List devices and their limits, and test the device at hand
    Doctor(DoctorArgs),
    /// Check answers by the rules, JSON lines in, JSON lines out
    Score(ScoreArgs),
    /// Read, accept, edit or reject what a cold-start stage made
    Review(ReviewArgs),
    /// Write one HTML file with the plots, tables and samples of a run
    Report(ReportArgs),
    /// Write what the mini world generates to train and measure on, as JSON lines
    World(WorldArgs),
    /// Measure the speed of training steps
    Bench(BenchArgs),
    /// Write the script by which a shell completes commands and options
    Completions(CompletionsArgs),
    /// Write the man pages
    #[command(hide = true)]
    Man(ManArgs),
}

/// Where and how a model runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// auto (a real GPU if there is one, else the CPU), cpu, gpu, or gpu:N as doctor lists them
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Threads of the CPU device [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Do not test a GPU before using it
    #[arg(long)]
    pub(crate) skip_self_test: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling train recipes/quickstart.toml
  thinkling train recipes/quickstart.toml --dry-run
  thinkling train recipes/quickstart.toml --set seed=2 --set stage.rl.lr=5e-5
  thinkling train recipes/mini-r1.toml --set scale=smoke
  thinkling train --resume runs/quickstart-1
  thinkling train --resume runs/quickstart-1 --set stage.rl.micro_batch=8
Ctrl-C saves a checkpoint and says how to go on.")]
pub(crate) struct TrainArgs {
    /// The recipe (TOML)
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub(crate) recipe: Option<PathBuf>,
    /// Override a key of the recipe, such as stage.rl.lr=1e-4, or pick one of its scales by scale=NAME; may
    /// be repeated. With --resume only what says how a stage runs: micro_batch, memory, recompute,
    /// checkpoint_every and its table rollout
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Folder of the run, new or empty [default: runs/NAME-N]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with the run in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) resume: Option<PathBuf>,
    /// Check the recipe, print it resolved with the memory and time that it needs, and train nothing
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    /// With --dry-run: do not time a piece of each stage
    #[arg(long, requires = "dry_run")]
    pub(crate) no_measure: bool,
    /// Seed, instead of the recipe's
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(crate) seed: Option<u64>,
    /// Print one JSON object with the results at the end, or with --dry-run what the recipe needs
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateArg {
    /// The prompt as it is
    None,
    /// The model's own chat template, the prompt as the user's message
    Chat,
    /// The template of R1-Zero, the prompt as the question
    R1Zero,
}

impl TemplateArg {
    pub(crate) fn template(self) -> Template {
        match self {
            Self::None => Template::None,
            Self::Chat => Template::Chat,
            Self::R1Zero => Template::R1Zero,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Executor {
    /// The model as it trains, in f32
    Burn,
    /// The decode engine: quantised weights as they are stored, on a GPU or the CPU
    Engine,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  thinkling generate --model SmolLM2-135M-Instruct.Q4_1.gguf --template chat \\
      --prompt 'What is 17 + 25?' --greedy
  thinkling generate --model Qwen/Qwen2.5-0.5B-Instruct --template chat --prompt 'What is 17 + 25?'
docs/models.md says where models of the hub are kept.")]
pub(crate) struct GenerateArgs {
    /// A Hugging Face folder (config.json, *.safetensors, tokenizer.json), a GGUF file (F32, F16, BF16,
    /// Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL; of one in parts the first), a model
    /// that a run wrote, or an id of the hub: OWNER/NAME or OWNER/NAME/FILE.gguf, with @REVISION or
    /// without
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The prompt
    #[arg(long, value_name = "TEXT", required_unless_present = "prompt_ids")]
    pub(crate) prompt: Option<String>,
    /// The prompt as token ids
    #[arg(long, value_name = "IDS", value_delimiter = ',', conflicts_with_all = ["prompt", "template"])]
    pub(crate) prompt_ids: Option<Vec<u32>>,
    /// What stands around the prompt
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) template: TemplateArg,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Tokens at most
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) max_tokens: usize,
    /// Completions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) n: u32,
    /// Go on after end-of-sequence tokens
    #[arg(long)]
    pub(crate) ignore_eos: bool,
    /// Give the log-probability of each prompt token after the first (with --json)
    #[arg(long, requires = "json")]
    pub(crate) prompt_logprobs: bool,
    /// Give the K most probable tokens of each step (with --json)
    #[arg(long, value_name = "K", default_value_t = 0, requires = "json")]
    pub(crate) top_logprobs: usize,
    /// What computes the tokens
    #[arg(long, value_enum, default_value = "burn")]
    pub(crate) executor: Executor,
    /// Print one JSON object with ids and log-probabilities
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// config.json, model.safetensors, tokenizer.json, generation_config.json
    Safetensors,
    /// manifest.json with hashed shards, for pages
    Web,
    /// One file with tokenizer and chat template, for llama.cpp and the programs around it
    Gguf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quant {
    /// 32-bit floats
    F32,
    /// 16-bit floats
    F16,
    /// bfloat16
    Bf16,
    /// 8 bits and a scale for 32 values (web, gguf)
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits and a scale for 32 values (web, gguf)
    #[value(name = "q4_0")]
    Q4_0,
    /// 4 bits, a scale and a minimum for 32 values (web, gguf)
    #[value(name = "q4_1")]
    Q4_1,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling export --model runs/quickstart-1/stages/rl --out reasoner
  thinkling export --model Qwen/Qwen2.5-0.5B-Instruct --format gguf --quant q8_0 --out qwen.gguf
  thinkling export --model runs/mini-r1-1/stages/distilled --format web --quant q8_0 \\
      --name \"Distilled student\" --template r1-zero --format-rule think-only --out student")]
pub(crate) struct ExportArgs {
    /// A Hugging Face folder, a GGUF file, a model that a run wrote, or an id of the hub
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// A folder with an adapter (LoRA, as peft writes it) that is merged into the model
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value = "safetensors")]
    pub(crate) format: ExportFormat,
    /// Type of the matrices [default: f32; for gguf f16; for the web the model's files as they are]
    #[arg(long, value_enum)]
    pub(crate) quant: Option<Quant>,
    /// The model's name for the web's visitors or in the GGUF [default: that of its folder or file]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The template of its prompts in training, for the web
    #[arg(long, value_enum)]
    pub(crate) template: Option<TemplateArg>,
    /// The format that training rewarded, for the web [default: strict]
    #[arg(long, value_enum)]
    pub(crate) format_rule: Option<FormatRuleArg>,
    /// Folder to write; for gguf the file
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Test this device only [default: the CPU and the device that auto takes]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Write what a report of a fault needs: system, GPUs with limits and features, the tests' numbers
    #[arg(long, value_name = "FILE.md")]
    pub(crate) report: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScoreKindArg {
    /// Equal as mathematics; fields gold, prediction
    Math,
    /// The same option letter; fields gold, prediction
    Choice,
    /// Each number used once, exact value; fields numbers, goal, prediction
    Countdown,
    /// The program passes its tests; fields tests, prediction (needs the feature sandbox)
    Code,
    /// The R1-Zero template is kept; field text
    Format,
    /// Share of words in a language; fields text, target
    Language,
    /// How many reflective words; field text
    Reflection,
    /// 1 less the share of repeated n-grams; field text
    Repetition,
}

impl ScoreKindArg {
    pub(crate) fn kind(self) -> ScoreKind {
        match self {
            Self::Math => ScoreKind::Math,
            Self::Choice => ScoreKind::Choice,
            Self::Countdown => ScoreKind::Countdown,
            Self::Code => ScoreKind::Code,
            Self::Format => ScoreKind::Format,
            Self::Language => ScoreKind::Language,
            Self::Reflection => ScoreKind::Reflection,
            Self::Repetition => ScoreKind::Repetition,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScoreTemplateArg {
    /// Everywhere outside the thinking
    None,
    /// Only the answer block
    R1Zero,
    /// Only a box
    Boxed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatRuleArg {
    /// Four tags, each once, in order, nothing outside
    Strict,
    /// A quarter for each tag that is there once
    TagCount,
    /// Thinking that is closed, then an answer
    ThinkOnly,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A line in:   {\"id\": 1, \"gold\": \"1/2\", \"prediction\": \"\\\\boxed{0.5}\"}
A line out:  {\"id\": 1, \"verdict\": \"correct\", \"reward\": 1.0, \"extracted\": \"0.5\", \"reason\": null,
              \"us\": 8.1}
Verdicts are correct, wrong, unverifiable (no answer within the rules), gold_error (the gold cannot
be judged by) and error (the line cannot be read). prediction_b64 and text_b64 hold base64.

Examples:
  thinkling score math --in answers.jsonl --out scored.jsonl
  thinkling score math --template r1-zero --policy percent_is_fraction=false < answers.jsonl"
)]
pub(crate) struct ScoreArgs {
    /// The rule
    #[arg(value_enum)]
    pub(crate) kind: ScoreKindArg,
    /// Where in a prediction an answer counts
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) template: ScoreTemplateArg,
    /// Lines to read [default: standard input]
    #[arg(long = "in", value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// File to write [default: standard output]
    #[arg(long = "out", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Change a convention of math and choice; may be repeated (docs/rewards.md lists them)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) policy: Vec<String>,
    /// Reading of format
    #[arg(long, value_enum, default_value = "strict")]
    pub(crate) rule: FormatRuleArg,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchKind {
    /// Steps of reinforcement learning: generate, reward, update
    Grpo,
    /// Steps of supervised training
    Sft,
    /// Greedy decoding after a prompt
    Decode,
    /// The same by the decode engine, with what it uses of the GPU
    Engine,
    /// Checks of mathematical answers, one after another on one thread
    Score,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    pub(crate) kind: BenchKind,
    /// Sizes and steps (JSON), for all but score
    #[arg(long, value_name = "FILE",
          required_if_eq_any = [("kind", "grpo"), ("kind", "sft"), ("kind", "decode"), ("kind", "engine")])]
    pub(crate) config: Option<PathBuf>,
    /// Lines of `thinkling score math`, for score
    #[arg(long = "in", value_name = "FILE", required_if_eq("kind", "score"))]
    pub(crate) input: Option<PathBuf>,
    /// Model, instead of the one the config names
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Seed, instead of the config's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Also show where the seconds of a step go, by operation (CPU)
    #[arg(long)]
    pub(crate) profile: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
