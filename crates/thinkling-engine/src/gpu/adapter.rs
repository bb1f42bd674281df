//! A GPU: its device, its limits, its buffers.

use crate::EngineError;
use crate::shape::Shape;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A GPU that the engine can run on.
#[derive(Clone, Debug)]
pub struct Adapter {
    device: wgpu::Device,
    queue: wgpu::Queue,
    name: String,
    software: bool,
    features: wgpu::Features,
    half: bool,
    max_binding: u64,
    allocated: Arc<AtomicU64>,
    lost: Arc<AtomicBool>,
    /// The first error that no call has returned.
    fault: Arc<Mutex<Option<String>>>,
}

/// Invocations of the largest workgroup of the shaders.
const INVOCATIONS: u32 = 256;
/// What is made use of where the GPU has it: sums in subgroups, half precision, times of dispatches.
const USED_FEATURES: wgpu::Features = wgpu::Features::SUBGROUP
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::TIMESTAMP_QUERY);
/// Storage buffers that a shader binds at most.
const STORAGE_BUFFERS: u32 = 6;

impl Adapter {
    /// The GPU that the system prefers for much work.
    ///
    /// # Errors
    /// [`EngineError::Gpu`] where there is none or it gives no device, [`EngineError::Limit`] where
    /// it lacks what the shaders need.
    pub async fn new() -> Result<Self, EngineError> {
        let instance = wgpu::Instance::default();
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance
            .request_adapter(&options)
            .await
            .map_err(|e| EngineError::Gpu(format!("no adapter: {e}")))?;
        Self::open(&adapter).await
    }

    /// Opens a given adapter.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub async fn open(adapter: &wgpu::Adapter) -> Result<Self, EngineError> {
        Self::request(adapter, adapter.limits(), adapter.features() & USED_FEATURES).await
    }

    /// Opens an adapter as if it had no more than these limits and nothing optional: what is right so
    /// is right on weaker GPUs.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub async fn open_within(
        adapter: &wgpu::Adapter,
        limits: wgpu::Limits,
    ) -> Result<Self, EngineError> {
        Self::request(adapter, limits, wgpu::Features::empty()).await
    }

    async fn request(
        adapter: &wgpu::Adapter,
        limits: wgpu::Limits,
        features: wgpu::Features,
    ) -> Result<Self, EngineError> {
        let needed = |what, expected: u32, got: u32| match got >= expected {
            true => Ok(()),
            false => {
                let (expected, got) = (expected.into(), got.into());
                Err(EngineError::Limit { what, expected, got })
            }
        };
        needed(
            "invocations of a workgroup",
            INVOCATIONS,
            limits.max_compute_invocations_per_workgroup,
        )?;
        needed("storage buffers", STORAGE_BUFFERS, limits.max_storage_buffers_per_shader_stage)?;
        let info = adapter.get_info();
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("thinkling"),
                required_features: features,
                required_limits: limits.clone(),
                ..wgpu::DeviceDescriptor::default()
            })
            .await
            .map_err(|e| EngineError::Gpu(format!("{}: no device: {e}", info.name)))?;
        let max_binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let lost = Arc::new(AtomicBool::new(false));
        let flag = lost.clone();
        device.set_device_lost_callback(move |_, _| flag.store(true, Ordering::Relaxed));
        let fault = Arc::new(Mutex::new(None));
        let first = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            first
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(|| error.to_string());
        }));
        let allocated = Arc::default();
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let name = info.name;
        Ok(Self {
            device,
            queue,
            name,
            software,
            features,
            half: false,
            max_binding,
            allocated,
            lost,
            fault,
        })
    }

    /// Whether the device is gone: its driver crashed or was reset, or it was
    /// [given up](Self::lose). Buffers are gone with it; another adapter has to be opened.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Gives the device up, as if its driver had crashed.
    pub fn lose(&self) {
        self.device.destroy();
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Whether it computes on the CPU, where the engine's own code is faster.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// Whether threads may add in subgroups.
    pub(super) fn has_subgroups(&self) -> bool {
        self.features.contains(wgpu::Features::SUBGROUP)
    }

    /// Computes products with many rows in half precision where the GPU can and the weights are stored
    /// in no more than 16 bits. Logits of the tests' models then differ by up to 0.01.
    #[must_use]
    pub fn with_half(mut self) -> Self {
        self.half = self.features.contains(wgpu::Features::SHADER_F16);
        self
    }

    /// Whether it computes in half precision.
    pub(super) fn has_half(&self) -> bool {
        self.half
    }

    /// Whether it tells the times of dispatches.
    pub(super) fn tells_times(&self) -> bool {
        self.features.contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Does without what not every GPU has.
    #[must_use]
    pub fn without_features(mut self) -> Self {
        self.features = wgpu::Features::empty();
        self.half = false;
        self
    }

    /// Its name; empty where the browser does not tell.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Binds at most so many bytes at once, less than the GPU could.
    #[must_use]
    pub fn with_max_binding(mut self, bytes: u64) -> Self {
        self.max_binding = self.max_binding.min(bytes);
        self
    }

    /// Tokens whose keys, or values, of a layer of such a model a buffer can hold.
    pub fn most_cache_tokens(&self, config: &thinkling_weights::ModelConfig) -> usize {
        let bytes = (4 * Shape::of(config).gpu_kv()).max(1) as u64;
        usize::try_from(self.max_binding / bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn device(&self) -> &wgpu::Device {
        &self.device
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    pub(crate) fn max_binding(&self) -> u64 {
        self.max_binding
    }

    /// Bytes of the buffers that were made.
    pub(super) fn allocated(&self) -> u64 {
        self.allocated.load(Ordering::Relaxed)
    }

    pub(super) fn check_storage(&self, what: &'static str, bytes: u64) -> Result<(), EngineError> {
        match bytes <= self.max_binding {
            true => Ok(()),
            false => Err(EngineError::Limit { what, expected: bytes, got: self.max_binding }),
        }
    }

    fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let size = bytes.max(16).next_multiple_of(16);
        self.allocated.fetch_add(size, Ordering::Relaxed);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// Zeros that shaders read and write.
    pub(super) fn storage(&self, label: &str, bytes: u64) -> wgpu::Buffer {
        let copies = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.buffer(label, bytes, wgpu::BufferUsages::STORAGE | copies)
    }

    /// Eight words that change between passes.
    pub(super) fn uniform(&self, label: &str) -> wgpu::Buffer {
        self.buffer(label, 32, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST)
    }

    /// What results are copied to, to be read on the host.
    pub(super) fn readback(&self, bytes: u64) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        self.buffer("results", bytes, usage)
    }

    /// What times are written to, to be copied from.
    pub(super) fn query_results(&self, bytes: u64) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        self.buffer("times", bytes, usage)
    }

    pub(super) fn upload<T: bytemuck::NoUninit>(&self, label: &str, values: &[T]) -> wgpu::Buffer {
        self.upload_pieces(label, &[values])
    }

    /// Slices one after the other.
    pub(super) fn upload_pieces<T: bytemuck::NoUninit>(
        &self,
        label: &str,
        pieces: &[&[T]],
    ) -> wgpu::Buffer {
        let bytes = pieces.iter().map(|piece| size_of_val(*piece) as u64).sum();
        let buffer = self.storage(label, bytes);
        let mut at = 0;
        for piece in pieces {
            self.queue.write_buffer(&buffer, at, bytemuck::cast_slice(piece));
            at += size_of_val(*piece) as u64;
        }
        buffer
    }

    /// A shader with its constants. A trusted one runs without checks of indices and loops, which cost
    /// a seventh of a token on an H200.
    #[allow(unsafe_code, reason = "the only way to leave out checks of indices")]
    pub(super) fn pipeline(
        &self,
        label: &str,
        source: &str,
        constants: &[(&str, f64)],
        trusted: bool,
    ) -> wgpu::ComputePipeline {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let module = if trusted {
            let checks = wgpu::ShaderRuntimeChecks::unchecked();
            // SAFETY: only the decoder's shaders are trusted. Their loops end at sizes that they are
            // compiled for; what else they index by, ids and rows, is checked before a pass, and ids
            // that they draw are below the vocabulary.
            unsafe { self.device.create_shader_module_trusted(descriptor, checks) }
        } else {
            self.device.create_shader_module(descriptor)
        };
        // Those that this shader has.
        let constants: Vec<(&str, f64)> = constants
            .iter()
            .filter(|(name, _)| source.contains(&format!("override {name}:")))
            .copied()
            .collect();
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: None,
        })
    }

    /// Fails where something failed that no call has returned.
    fn check(&self) -> Result<(), EngineError> {
        match &*self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(fault) => Err(EngineError::Gpu(fault.clone())),
            None if self.is_lost() => Err(EngineError::Gpu("the device is lost".to_owned())),
            None => Ok(()),
        }
    }

    /// The first bytes of a buffer of [`Self::readback`], once all that was submitted is done.
    pub(super) async fn read(
        &self,
        buffer: &wgpu::Buffer,
        bytes: u64,
    ) -> Result<Vec<u8>, EngineError> {
        self.check()?;
        let slice = buffer.slice(..bytes.next_multiple_of(8));
        let (send, receive) = futures_channel::oneshot::channel();
        slice.map_async(wgpu::MapMode::Read, move |result| {
            // A receiver that is gone wants nothing any more.
            let _ = send.send(result);
        });
        // In the browser the event loop does this.
        #[cfg(not(target_family = "wasm"))]
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|e| EngineError::Gpu(e.to_string()))?;
        let mapped = receive.await.map_err(|e| EngineError::Gpu(e.to_string()))?;
        self.check()?;
        mapped.map_err(|e| EngineError::Gpu(e.to_string()))?;
        let range = slice.get_mapped_range().map_err(|e| EngineError::Gpu(e.to_string()))?;
        let data = range.to_vec();
        drop(range);
        buffer.unmap();
        Ok(data)
    }
}
