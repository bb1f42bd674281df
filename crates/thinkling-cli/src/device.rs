//! From `--device` to a burn device: enumeration, choice, and the test before first use.

use crate::args::{DeviceArgs, Executor as ExecutorArg};
use crate::failure::Failure;
use burn::tensor::{Device, DeviceKind};
use burn_wgpu::graphics::{AutoGraphicsApi, GraphicsApi};
use burn_wgpu::wgpu;
use thinkling_model::selftest;
use thinkling_train::executor::Executor;
use thinkling_train::recipe::RolloutDevice;

/// A graphics adapter.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) backend: String,
    pub(crate) kind: wgpu::DeviceType,
    pub(crate) limits: wgpu::Limits,
    selector: DeviceKind,
    adapter: wgpu::Adapter,
}

impl Adapter {
    /// Whether it is a GPU and not software.
    pub(crate) fn is_real(&self) -> bool {
        self.kind != wgpu::DeviceType::Cpu && self.kind != wgpu::DeviceType::Other
    }

    /// What it has beyond the least.
    pub(crate) fn features(&self) -> wgpu::Features {
        self.adapter.features()
    }

    /// Its name for people.
    fn title(&self) -> String {
        format!("{} ({}, {:?})", self.name, self.backend, self.kind)
    }

    /// Discrete before integrated before virtual before software.
    fn rank(&self) -> u8 {
        match self.kind {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Other => 3,
            wgpu::DeviceType::Cpu => 4,
        }
    }
}

/// A device that is open, with its name for people.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) device: Device,
    pub(crate) name: String,
    pub(crate) threads: usize,
    /// The GPU, where it is one.
    adapter: Option<Adapter>,
}

impl Opened {
    pub(crate) fn is_gpu(&self) -> bool {
        self.adapter.is_some()
    }

    /// A GPU for the decode engine: the one that is open, or the best one.
    pub(crate) fn engine_adapter(
        &self,
        wanted: RolloutDevice,
    ) -> Result<thinkling_engine::Adapter, String> {
        let best = || adapter("gpu").map_err(|failure| failure.to_string());
        let adapter = match (wanted, &self.adapter) {
            (RolloutDevice::Same, Some(adapter)) => adapter.clone(),
            _ => best()?.ok_or("there is none")?,
        };
        eprintln!("rollouts: {}", adapter.title());
        pollster::block_on(thinkling_engine::Adapter::open(&adapter.adapter))
            .map_err(|e| e.to_string())
    }
}

/// What the decode engine runs on.
#[derive(Debug)]
pub(crate) struct OpenedEngine {
    /// None for the CPU.
    pub(crate) adapter: Option<thinkling_engine::Adapter>,
    pub(crate) name: String,
    pub(crate) threads: usize,
}

/// What is open, for people and for what is kept of a call.
#[derive(Debug)]
pub(crate) struct OpenedNames {
    pub(crate) name: String,
    pub(crate) threads: usize,
}

/// Adapters of the graphics API that burn takes on this system, best first.
pub(crate) fn adapters() -> Vec<Adapter> {
    let backends = wgpu::Backends::from(AutoGraphicsApi::backend());
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let mut found: Vec<Adapter> = Vec::new();
    for adapter in pollster::block_on(instance.enumerate_adapters(backends)) {
        let info = adapter.get_info();
        let same = found.iter().filter(|a| a.kind == info.device_type).count();
        let selector = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu(same),
            wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu(same),
            wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu(same),
            wgpu::DeviceType::Cpu => DeviceKind::Cpu,
            wgpu::DeviceType::Other => DeviceKind::DefaultDevice,
        };
        found.push(Adapter {
            name: info.name,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            backend: format!("{:?}", info.backend),
            kind: info.device_type,
            limits: adapter.limits(),
            selector,
            adapter,
        });
    }
    found.sort_by_key(Adapter::rank);
    found
}

/// Opens what `--device` asks for, says which on stderr, and tests a GPU.
pub(crate) fn open(args: &DeviceArgs) -> Result<Opened, Failure> {
    let threads = set_threads(args.threads)?;
    let opened = choose(&args.device, threads)?;
    eprintln!("device: {}", opened.name);
    if opened.is_gpu() && !args.skip_self_test {
        eprintln!(
            "testing the GPU against the CPU (its kernels are being compiled, which takes a while the first time) .."
        );
        let result = pollster::block_on(selftest::run(&opened.device, Some(&Device::flex())))?;
        if !result.passed() {
            if args.device == "auto" {
                eprintln!("the GPU gives wrong numbers ({result:?}); going on with the CPU");
                return Ok(cpu(threads));
            }
            return Err(Failure::running(format!(
                "the GPU gives wrong numbers ({result:?}); use --device cpu, and please report \
                 adapter and driver: {}",
                opened.name
            )));
        }
    }
    Ok(opened)
}

/// Opens a device by its name without testing it.
pub(crate) fn choose(spec: &str, threads: usize) -> Result<Opened, Failure> {
    match adapter(spec)? {
        Some(adapter) => gpu(&adapter, threads),
        None => Ok(cpu(threads)),
    }
}

/// Opens what `--device` asks for for the decode engine, and says which on stderr.
pub(crate) fn open_engine(args: &DeviceArgs) -> Result<OpenedEngine, Failure> {
    let threads = set_threads(args.threads)?;
    let adapter = adapter(&args.device)?;
    let name = adapter.as_ref().map_or_else(|| cpu_name(threads), Adapter::title);
    eprintln!("device: {name}");
    let open =
        |adapter: Adapter| pollster::block_on(thinkling_engine::Adapter::open(&adapter.adapter));
    Ok(OpenedEngine { adapter: adapter.map(open).transpose()?, name, threads })
}

/// Opens what `--executor` and `--device` ask for, and says which device on stderr.
pub(crate) fn open_executor(
    executor: ExecutorArg,
    args: &DeviceArgs,
) -> Result<(Executor, OpenedNames), Failure> {
    Ok(match executor {
        ExecutorArg::Burn => {
            let Opened { device, name, threads, .. } = open(args)?;
            (Executor::Burn(device), OpenedNames { name, threads })
        }
        ExecutorArg::Engine => {
            let OpenedEngine { adapter, name, threads } = open_engine(args)?;
            (Executor::Engine(adapter), OpenedNames { name, threads })
        }
    })
}

/// The adapter that a device's name stands for; `None` for the CPU.
fn adapter(spec: &str) -> Result<Option<Adapter>, Failure> {
    let (index, wanted) = match spec {
        "cpu" => return Ok(None),
        "auto" => return Ok(adapters().into_iter().next().filter(Adapter::is_real)),
        "gpu" => (0, "a GPU"),
        _ => match spec.strip_prefix("gpu:").and_then(|n| n.parse().ok()) {
            Some(index) => (index, "that GPU"),
            None => {
                return Err(Failure::usage(format!(
                    "unknown device, expected: auto, cpu, gpu or gpu:N, got: {spec}"
                )));
            }
        },
    };
    let mut all = adapters();
    match index < all.len() {
        true => Ok(Some(all.swap_remove(index))),
        false => Err(Failure::running(format!(
            "{wanted} was not found: {} adapter(s) answer through {:?}; install the driver with its \
             Vulkan part (Linux: package mesa-vulkan-drivers or the vendor's), or use --device cpu",
            all.len(),
            AutoGraphicsApi::backend()
        ))),
    }
}

fn cpu(threads: usize) -> Opened {
    Opened { device: Device::flex(), name: cpu_name(threads), threads, adapter: None }
}

fn cpu_name(threads: usize) -> String {
    format!("cpu ({threads} thread{})", if threads == 1 { "" } else { "s" })
}

fn gpu(adapter: &Adapter, threads: usize) -> Result<Opened, Failure> {
    let name = adapter.title();
    let device = Device::wgpu_options()
        .device_kind(adapter.selector.clone())
        .init()
        .map_err(|e| Failure::running(format!("{name} does not open: {e:?}")))?;
    Ok(Opened { device, name, threads, adapter: Some(adapter.clone()) })
}

fn set_threads(threads: Option<usize>) -> Result<usize, Failure> {
    if threads == Some(0) {
        return Err(Failure::usage("--threads, expected: at least 1, got: 0"));
    }
    if let Some(threads) = threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|e| Failure::running(format!("threads cannot be started: {e}")))?;
    }
    Ok(rayon::current_num_threads())
}
