//! One place that hands out devices.

use burn::tensor::{Device, DeviceKind};
use std::sync::OnceLock;

/// The CPU.
pub(crate) fn cpu() -> Device {
    Device::flex()
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

#[test]
fn the_cpu_passes_the_self_test() {
    let result = pollster::block_on(thinkling_model::selftest::run(&cpu(), None)).unwrap();
    assert!(result.passed(), "{result:?}");
}

#[test]
fn the_gpu_passes_the_self_test_and_agrees_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let result = pollster::block_on(thinkling_model::selftest::run(&gpu, Some(&cpu()))).unwrap();
    assert!(result.passed(), "{result:?}");
}
