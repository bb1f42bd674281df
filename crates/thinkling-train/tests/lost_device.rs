//! A GPU that goes away during training. A program of its own, since nothing of a process is worth anything on a
//! device after that: the run goes on in another process, this program again.

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use burn_wgpu::WgpuSetup;
use serde_json::Value;
use tempfile::tempdir;
use thinkling_reward::Tools;
use thinkling_train::device_faults::{self, DeviceFault};
use thinkling_train::devices::Devices;
use thinkling_train::eval::EvalProgress;
use thinkling_train::interrupt::Interrupt;
use thinkling_train::progress::{Progress, StageStarted, StepFinished};
use thinkling_train::recipe::Recipe;
use thinkling_train::runner::{RunOutcome, Start, run};
use thinkling_train::{Result, TrainError};

const RECIPE: &str = r#"name = "lost"
seed = 3
[model]
hidden_size = 32
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 64
max_position_embeddings = 256
[[stage]]
name = "base"
kind = "pretrain"
steps = 8
batch = 2
sequence_length = 32
micro_batch = 2
checkpoint_every = 3
data = { kind = "mini-world" }
[[stage]]
name = "reason"
kind = "rl"
preset = "r1-zero"
lr = 1e-3
steps = 6
group_size = 4
questions_per_step = 2
minibatches = 1
micro_batch = 4
max_completion_tokens = 16
truncated_reward = -1.0
checkpoint_every = 2
data = { kind = "mini-world" }
"#;
/// Steps of all stages.
const STEPS: usize = 14;

/// Names the stage in which a process loses its GPU, or `RESUME`.
const ROLE: &str = "THINKLING_TEST_ROLE";
const RESUME: &str = "resume";
/// Names the run folder of such a process.
const RUN: &str = "THINKLING_TEST_RUN";

/// Calls something after each step of a stage.
struct AfterSteps<'a> {
    stage: String,
    call: &'a dyn Fn(&str, u64),
}

impl Progress for AfterSteps<'_> {
    fn stage_started(&mut self, stage: &StageStarted<'_>) {
        stage.name.clone_into(&mut self.stage);
    }
    fn step_finished(&mut self, step: &StepFinished) {
        (self.call)(&self.stage, step.step);
    }
    fn working(&mut self, _: &str, _: u64, _: u64) {}
    fn answering(&mut self, _: &EvalProgress) {}
    fn note(&mut self, _: &str) {}
    fn stage_finished(&mut self, _: &str) {}
}

/// A GPU as burn would open it, with what can take it away; nothing where there is none, which with
/// `REQUIRE_GPU=1` is a failure.
fn gpu() -> Option<(Device, wgpu::Device)> {
    let instance = wgpu::Instance::default();
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default());
    let Ok(adapter) = pollster::block_on(adapter) else {
        assert!(std::env::var("REQUIRE_GPU").is_err(), "REQUIRE_GPU is set, and there is no GPU");
        return None;
    };
    // SAFETY: what is experimental is asked for as burn does for its own devices; nothing uses it.
    #[allow(unsafe_code, reason = "the adapter's features hold experimental ones")]
    let experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
    let descriptor = wgpu::DeviceDescriptor {
        required_features: adapter.features(),
        experimental_features,
        required_limits: adapter.limits(),
        ..wgpu::DeviceDescriptor::default()
    };
    let opened = pollster::block_on(adapter.request_device(&descriptor));
    let (device, queue) = opened.expect("a device");
    let backend = adapter.get_info().backend;
    let handle = device.clone();
    let setup = WgpuSetup { instance, adapter, device, queue, backend };
    let device = Device::wgpu_options().setup(setup).init().expect("a device that suffices");
    Some((device, handle))
}

fn begin(out: &Path, device: &Device, after: &dyn Fn(&str, u64)) -> Result<RunOutcome> {
    let recipe = Recipe::parse(RECIPE, Path::new("lost.toml"), Path::new(""), &[])?;
    let start = Start::New {
        recipe: Box::new(recipe),
        out: Some(out),
        root: Path::new("runs"),
        device_name: "gpu",
        threads: 1,
    };
    train(start, device, after)
}

fn train(start: Start<'_>, device: &Device, call: &dyn Fn(&str, u64)) -> Result<RunOutcome> {
    let (interrupt, tools) = (Interrupt::new(), Tools::default());
    let mut progress = AfterSteps { stage: String::new(), call };
    run(start, Devices::from(device), &mut progress, &interrupt, tools)
}

fn losses(out: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).expect("metrics");
    let loss = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["loss"].as_f64();
    text.lines().map(|line| loss(line).expect("a loss")).collect()
}

/// What a process does whose GPU is lost after `lost` steps of `stage`.
fn loses(stage: &str, lost: u64, checkpoint: &str, out: &Path) {
    device_faults::watch();
    let (device, handle) = gpu().expect("it was there before");
    let error = begin(out, &device, &|at, step| {
        if (at, step) == (stage, lost) {
            handle.destroy();
        }
    });
    let error = error.expect_err("no step without a device");
    let TrainError::Device(failure) = &error else { panic!("another error: {error:?}") };
    assert!(matches!(failure.fault, DeviceFault::Lost(_)), "{failure:?}");
    assert_eq!(failure.checkpoint, Some(out.join(checkpoint)), "{failure:?}");
    let told = error.to_string();
    assert!(told.contains("lost") && told.contains("--resume"), "{told}");
}

/// Runs this test in another process.
fn process(role: &str, run: &Path) {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    let done = command.args(["--nocapture"]).env(ROLE, role).env(RUN, run).output();
    let done = done.expect("it starts");
    let said = String::from_utf8_lossy(&done.stdout);
    let complaints = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("1 passed"), "{role}: {said}{complaints}");
}

#[test]
fn a_run_whose_gpu_is_lost_says_so_and_goes_on_from_its_checkpoint() {
    if let (Ok(role), Some(out)) = (std::env::var(ROLE), std::env::var_os(RUN)) {
        let out = Path::new(&out);
        return match role.as_str() {
            "base" => loses("base", 7, "checkpoints/step-000006", out),
            "reason" => loses("reason", 5, "checkpoints/step-000012", out),
            _ => {
                let (device, _) = gpu().expect("it was there before");
                let start = Start::Resume { path: out, sets: &[] };
                let outcome = train(start, &device, &|_, _| {}).expect("a run that ends well");
                assert!(!outcome.interrupted);
            }
        };
    }
    let Some((device, _)) = gpu() else { return };
    let dir = tempdir().expect("temporary folder");
    let whole = dir.path().join("whole");
    begin(&whole, &device, &|_, _| {}).expect("a run that ends well");
    let expected = losses(&whole);
    assert_eq!(expected.len(), STEPS);
    for (stage, steps) in [("base", 7), ("reason", 13)] {
        let out = dir.path().join(stage);
        process(stage, &out);
        assert_eq!(losses(&out).len(), steps, "no number of a lost device is written");
        process(RESUME, &out);
        let got = losses(&out);
        assert_eq!(got.len(), STEPS);
        for (a, b) in expected.iter().zip(&got) {
            assert!((a - b).abs() < 1e-4, "{stage}: {expected:?} {got:?}");
        }
    }
}
