//! Whole models: the goldens of transformers, and a real one.
#![cfg(not(target_family = "wasm"))]

mod goldens;
mod smollm2;

use thinkling_engine::{
    Adapter, CpuDecoder, EngineError, GpuDecoder, GpuOptions, Keep, Row, WeightsReader,
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

/// Every decoder there is here for a model: the CPU's, and the GPU's where there is one.
fn decoders(checkpoint: &Checkpoint, keep: Keep, cache_tokens: usize) -> Vec<(String, Decoder)> {
    let weights = WeightsReader::new(checkpoint, keep);
    let cpu = CpuDecoder::new(&weights, cache_tokens).expect("weights");
    let mut all = vec![("cpu".to_owned(), Decoder::Cpu(Box::new(cpu)))];
    let adapter = match pollster::block_on(Adapter::new()) {
        Ok(adapter) => adapter,
        Err(e) if std::env::var_os("REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(_) => return all,
    };
    for (what, adapter) in [
        ("", adapter.clone()),
        // The least that WebGPU promises is 128 MiB; an eighth of it makes large tensors split.
        (" with bindings of 16 MiB", adapter.with_max_binding(16 << 20)),
    ] {
        let options = GpuOptions { max_rows: 64, max_logits: 64, cache_tokens };
        let gpu = pollster::block_on(GpuDecoder::new(&adapter, &weights, options));
        let name = format!("{}{what}", adapter.name());
        all.push((name, Decoder::Gpu(Box::new(gpu.expect("a decoder")))));
    }
    all
}

/// Rows of a sequence that begins in the cache at `start`, for tokens `from .. to`.
fn sequence(start: u32, from: usize, to: usize) -> Vec<Row> {
    let row = |i: usize| Row {
        own_start: start,
        own_len: i as u32 + 1,
        position: i as u32,
        ..Row::default()
    };
    (from..to).map(row).collect()
}
