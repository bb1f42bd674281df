//! Whole models: the goldens of transformers, and a real one.
#![cfg(not(target_family = "wasm"))]

mod batch;
mod formats;
mod generation;
mod goldens;
mod smollm2;
#[path = "../../../../tests/support/tiny_gguf.rs"]
mod tiny_gguf;
mod update;

use thinkling_engine::{
    Adapter, Capacity, CpuDecoder, Engine, EngineError, GpuDecoder, GpuOptions, Keep, Row,
    WeightsReader,
};
use thinkling_weights::Checkpoint;

/// One of the engine's decoders.
enum Decoder {
    Cpu(Box<CpuDecoder>),
    Gpu(Box<GpuDecoder>),
}

impl Decoder {
    fn logits(
        &mut self,
        ids: &[u32],
        rows: &[Row],
        wanted: &[usize],
    ) -> Result<Vec<f32>, EngineError> {
        match self {
            Self::Cpu(decoder) => decoder.logits(ids, rows, wanted),
            Self::Gpu(decoder) => pollster::block_on(decoder.logits(ids, rows, wanted)),
        }
    }
}

/// The GPU, or none where none is required.
fn adapter() -> Option<Adapter> {
    match pollster::block_on(Adapter::new()) {
        Ok(adapter) => Some(adapter),
        Err(e) if std::env::var_os("REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(_) => None,
    }
}

/// The GPU within the limits that every WebGPU device has (8 storage buffers, 256 invocations, 16 KiB of
/// shared memory, bindings of 128 MiB), without subgroups and half precision. It binds an eighth of that
/// at once, so that large tensors are split.
fn weak_adapter() -> Adapter {
    let instance = wgpu::Instance::default();
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default());
    let adapter = pollster::block_on(adapter).expect("there is one");
    let weak = Adapter::open_within(&adapter, wgpu::Limits::default());
    pollster::block_on(weak).expect("a device").with_max_binding(16 << 20)
}

/// The engine on the CPU, and on the GPU where there is one: reading each token, and several at once.
fn engines(checkpoint: &Checkpoint, capacity: Capacity) -> Vec<(String, Engine)> {
    let weights = WeightsReader::new(checkpoint, Keep::Stored);
    let mut all = vec![("cpu".to_owned(), Engine::on_cpu(&weights, capacity).expect("weights"))];
    if let Some(adapter) = adapter() {
        for steps in [1, 4] {
            let engine = pollster::block_on(Engine::on_gpu(&adapter, &weights, capacity));
            let engine = engine.expect("an engine").with_steps_at_once(steps);
            all.push((format!("{}, {steps} steps at once", adapter.name()), engine));
        }
    }
    all
}

/// Every decoder there is here for a model: the CPU's, and the GPU's where there is one.
fn decoders(checkpoint: &Checkpoint, keep: Keep, cache_tokens: usize) -> Vec<(String, Decoder)> {
    let weights = WeightsReader::new(checkpoint, keep);
    let cpu = CpuDecoder::new(&weights, cache_tokens).expect("weights");
    let mut all = vec![("cpu".to_owned(), Decoder::Cpu(Box::new(cpu)))];
    let Some(adapter) = adapter() else { return all };
    for (what, adapter) in [("", adapter), (" within WebGPU's limits", weak_adapter())] {
        let options = GpuOptions { max_rows: 64, max_logits: 64, cache_tokens };
        let gpu = pollster::block_on(GpuDecoder::new(&adapter, &weights, options));
        let name = format!("{}{what}", adapter.name());
        all.push((name, Decoder::Gpu(Box::new(gpu.expect("a decoder")))));
    }
    all
}

/// Rows of a sequence that begins in the cache at `start`, for tokens `from .. to`.
fn sequence(start: u32, from: usize, to: usize) -> Vec<Row> {
    (from..to).map(|i| Row::alone(start as usize, i)).collect()
}
