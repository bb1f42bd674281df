//! A small model, a rollout of made-up completions, and devices.

use burn::tensor::{Device, DeviceKind};
use burn_wgpu::WgpuSetup;
use std::sync::OnceLock;
use thinkling_learn::{AdamW, AdamWConfig, Learner};
use thinkling_model::{Decoder, selftest};
use thinkling_sampling::Stream;

pub(crate) fn learner(device: &Device) -> Learner {
    let model = Decoder::init(&selftest::config(), 3, device);
    let optimizer = AdamW::new(AdamWConfig::default(), &model.param_list(), device);
    Learner::new(model, optimizer)
}

/// The GPU, or `None` (with a note) where there is none; with `REQUIRE_GPU=1` that is a failure.
pub(crate) fn gpu() -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    GPU.get_or_init(|| match Device::wgpu_options().device_kind(DeviceKind::DefaultDevice).init() {
        Ok(device) => Some(device),
        Err(e) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => {
            panic!("REQUIRE_GPU=1, but no GPU device opens: {e:?}")
        }
        Err(e) => {
            println!("no GPU device opens, its tests are left out: {e:?}");
            None
        }
    })
    .clone()
}

/// The GPU within the limits that every WebGPU device has (8 storage buffers, 256 invocations, 16 KiB of
/// shared memory, bindings of 128 MiB); `None` where there is none.
pub(crate) fn weak_gpu() -> Option<Device> {
    gpu()?;
    let instance = wgpu::Instance::default();
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default());
    let adapter = pollster::block_on(adapter).expect("there is one");
    // SAFETY: what is experimental is asked for as burn does for its own devices; nothing uses it.
    #[allow(unsafe_code, reason = "the adapter's features hold experimental ones")]
    let experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
    let descriptor = wgpu::DeviceDescriptor {
        // Kernels are made by the adapter's features, whatever the device's are.
        required_features: adapter.features(),
        experimental_features,
        required_limits: wgpu::Limits::default(),
        ..wgpu::DeviceDescriptor::default()
    };
    let (device, queue) =
        pollster::block_on(adapter.request_device(&descriptor)).expect("a device");
    let backend = adapter.get_info().backend;
    let setup = WgpuSetup { instance, adapter, device, queue, backend };
    Some(Device::wgpu_options().setup(setup).init().expect("limits that suffice"))
}

/// Completions of two prompts, of different lengths, with made-up behaviour log-probabilities.
pub(crate) struct Batch {
    pub(crate) prompts: Vec<Vec<u32>>,
    pub(crate) ids: Vec<Vec<u32>>,
    pub(crate) old: Vec<Vec<f32>>,
    pub(crate) reference: Vec<Vec<f32>>,
    pub(crate) advantages: Vec<f64>,
}

pub(crate) fn batch() -> Batch {
    let mut stream = Stream::new(1, 1);
    let mut ids = |n: usize| (0..n).map(|_| (stream.uniform() * 61.0) as u32).collect::<Vec<_>>();
    let prompts = vec![ids(5), ids(9)];
    let ids: Vec<Vec<u32>> = [4, 1, 7, 12, 3, 6, 2, 9].map(&mut ids).to_vec();
    let mut noise = Stream::new(2, 2);
    let mut noisy = |lens: &[Vec<u32>]| -> Vec<Vec<f32>> {
        lens.iter()
            .map(|row| row.iter().map(|_| -4.1 + 0.6 * noise.uniform() as f32).collect())
            .collect()
    };
    let (old, reference) = (noisy(&ids), noisy(&ids));
    Batch {
        prompts,
        old,
        reference,
        advantages: vec![1.2, -0.7, 0.0, -0.5, 0.9, -1.1, 0.4, 0.0],
        ids,
    }
}
