//! `thinkling doctor`: what is here, and does it compute what it should.

mod report;

use crate::args::DoctorArgs;
use crate::device::{self, Opened};
use crate::failure::Failure;
use burn::tensor::Device;
use serde_json::json;
use thinkling_model::selftest::{self, TOLERANCE};

pub(crate) fn run(args: DoctorArgs) -> Result<(), Failure> {
    let threads = rayon::current_num_threads();
    let adapters = device::adapters();
    let listed: Vec<_> = adapters
        .iter()
        .enumerate()
        .map(|(i, a)| {
            json!({
                "device": format!("gpu:{i}"),
                "name": a.name,
                "driver": a.driver,
                "backend": a.backend,
                "kind": format!("{:?}", a.kind),
                "real": a.is_real(),
                "max_buffer_bytes": a.limits.max_buffer_size,
                "max_storage_binding_bytes": a.limits.max_storage_buffer_binding_size,
                "max_workgroup_bytes": a.limits.max_compute_workgroup_storage_size,
                "max_invocations": a.limits.max_compute_invocations_per_workgroup,
            })
        })
        .collect();
    if !args.json {
        println!("thinkling {}", env!("CARGO_PKG_VERSION"));
        println!("cpu      {threads} threads");
        for (i, a) in adapters.iter().enumerate() {
            println!("gpu:{i}    {} ({}, {:?}, driver {})", a.name, a.backend, a.kind, a.driver);
            println!(
                "         largest buffer {} MiB, storage binding {} MiB, workgroup memory {} KiB, {} invocations",
                a.limits.max_buffer_size >> 20,
                a.limits.max_storage_buffer_binding_size >> 20,
                a.limits.max_compute_workgroup_storage_size >> 10,
                a.limits.max_compute_invocations_per_workgroup
            );
        }
        if adapters.is_empty() {
            println!("gpu      none: no Vulkan, Metal or DirectX 12 driver answers");
        }
    }
    let specs = match args.device {
        Some(spec) => vec![spec],
        None if adapters.first().is_some_and(device::Adapter::is_real) => {
            vec!["cpu".to_owned(), "gpu:0".to_owned()]
        }
        None => vec!["cpu".to_owned()],
    };
    let mut tests = Vec::new();
    let mut failed = false;
    for spec in specs {
        let opened = device::choose(&spec, threads)?;
        eprintln!("testing {} ..", opened.name);
        let test = test(spec, &opened)?;
        failed |= !test.numbers.passed();
        if !args.json {
            println!("{}", test.line());
        }
        tests.push(test);
    }
    if args.json {
        let tests: Vec<_> = tests.iter().map(SelfTestResult::json).collect();
        println!("{}", json!({"cpu_threads": threads, "adapters": listed, "self_tests": tests}));
    }
    if let Some(path) = &args.report {
        let text = report::markdown(threads, &adapters, &tests);
        std::fs::write(path, text)
            .map_err(|e| Failure::running(format!("{} cannot be written: {e}", path.display())))?;
        eprintln!("report: {} (look through it before you send it)", path.display());
    }
    match failed {
        true => Err(Failure::running("a device gives wrong numbers; train on another one")),
        false => Ok(()),
    }
}

/// What the test of a device gave.
struct SelfTestResult {
    /// As it is asked for by `--device`.
    device: String,
    name: String,
    numbers: selftest::SelfTest,
}

impl SelfTestResult {
    fn line(&self) -> String {
        let Self { device, numbers, .. } = self;
        format!(
            "self-test {device}: {} (largest difference of logits: cached {:.1e}, batch {:.1e}{}; \
             allowed {TOLERANCE:.0e})",
            if numbers.passed() { "passed" } else { "FAILED" },
            numbers.cached_vs_full,
            numbers.batch_vs_alone,
            numbers
                .device_vs_reference
                .map_or_else(String::new, |d| format!(", against the CPU {d:.1e}")),
        )
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "device": self.device,
            "name": self.name,
            "passed": self.numbers.passed(),
            "cached_vs_full": self.numbers.cached_vs_full,
            "batch_vs_alone": self.numbers.batch_vs_alone,
            "device_vs_reference": self.numbers.device_vs_reference,
        })
    }
}

fn test(device: String, opened: &Opened) -> Result<SelfTestResult, Failure> {
    let reference = opened.is_gpu().then(Device::flex);
    let numbers = pollster::block_on(selftest::run(&opened.device, reference.as_ref()))?;
    Ok(SelfTestResult { device, name: opened.name.clone(), numbers })
}
