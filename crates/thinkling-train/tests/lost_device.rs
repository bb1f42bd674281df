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
steps = 10
batch = 2
sequence_length = 32
micro_batch = 2
checkpoint_every = 3
data = { kind = "mini-world" }
"#;

/// Names the run folder that the second process goes on with.
const GO_ON: &str = "THINKLING_TEST_LOST_RUN";

/// Calls something after each step.
struct AfterSteps<'a>(&'a dyn Fn(u64));

impl Progress for AfterSteps<'_> {
    fn stage_started(&mut self, _: &StageStarted<'_>) {}
    fn step_finished(&mut self, step: &StepFinished) {
        self.0(step.step);
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

fn begin(out: &Path, device: &Device, after: &dyn Fn(u64)) -> Result<RunOutcome> {
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

fn train(start: Start<'_>, device: &Device, after: &dyn Fn(u64)) -> Result<RunOutcome> {
    let (interrupt, tools) = (Interrupt::new(), Tools::default());
    run(start, Devices::from(device), &mut AfterSteps(after), &interrupt, tools)
}

fn losses(out: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).expect("metrics");
    let loss = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["loss"].as_f64();
    text.lines().map(|line| loss(line).expect("a loss")).collect()
}

#[test]
fn a_run_whose_gpu_is_lost_says_so_and_goes_on_from_its_checkpoint() {
    device_faults::watch();
    let Some((device, handle)) = gpu() else { return };
    if let Some(run) = std::env::var_os(GO_ON) {
        let start = Start::Resume { path: Path::new(&run), sets: &[] };
        let outcome = train(start, &device, &|_| {}).expect("a run that ends well");
        assert!(!outcome.interrupted);
        return;
    }
    let dir = tempdir().expect("temporary folder");
    let (whole, out) = (dir.path().join("whole"), dir.path().join("run"));
    begin(&whole, &device, &|_| {}).expect("a run that ends well");
    let error = begin(&out, &device, &|step| {
        if step == 7 {
            handle.destroy();
        }
    });
    let error = error.expect_err("no step without a device");
    let TrainError::Device(failure) = &error else { panic!("another error: {error:?}") };
    assert!(matches!(failure.fault, DeviceFault::Lost(_)), "{failure:?}");
    assert_eq!(failure.checkpoint, Some(out.join("checkpoints/step-000006")), "{failure:?}");
    let told = error.to_string();
    assert!(told.contains("lost") && told.contains("--resume"), "{told}");
    assert_eq!(losses(&out).len(), 7, "no number of a lost device is written");

    let again = Command::new(std::env::current_exe().expect("this program"))
        .env(GO_ON, &out)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
    let (expected, got) = (losses(&whole), losses(&out));
    assert_eq!((expected.len(), got.len()), (10, 10));
    for (a, b) in expected.iter().zip(&got) {
        assert!((a - b).abs() < 1e-5, "{expected:?} {got:?}");
    }
}
