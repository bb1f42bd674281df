//! What the tests need besides Rust itself: looked for, and installed where that is possible.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::cargo::{output, program, run};
use crate::report::Report;

/// The target of the browser's crates.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// What is there after the set-up.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The standard library for wasm32.
    pub(crate) wasm: bool,
    /// Manifest of Mesa's software Vulkan driver (lavapipe).
    pub(crate) software_vulkan: Option<PathBuf>,
}

/// Looks for everything, installs what is missing if `install`, and notes what stays missing.
pub(crate) fn set_up(install: bool, report: &mut Report) -> Result<Found> {
    println!("{}", output(program("rustc").arg("--version"))?.trim());
    component("rustfmt", "rustfmt", install)?;
    component("clippy", "cargo-clippy", install)?;
    Ok(Found {
        wasm: wasm_target(install, report)?,
        software_vulkan: software_vulkan(install, report)?,
    })
}

fn component(name: &str, binary: &str, install: bool) -> Result<()> {
    if output(program(binary).arg("--version")).is_ok() {
        return Ok(());
    }
    let command = format!("rustup component add {name}");
    if !install || output(program("rustup").arg("--version")).is_err() {
        bail!("{name} is missing; install it: {command}");
    }
    run(program("rustup").args(["component", "add", name]))
}

/// Whether the standard library for wasm32 is there, or now is.
pub(crate) fn wasm_target(install: bool, report: &mut Report) -> Result<bool> {
    // Asked of rustc, not of rustup: distributions package the target without rustup.
    let sysroot = output(program("rustc").args(["--print", "sysroot"]))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib").join(WASM).join("lib");
    if library.is_dir() {
        println!("{WASM}: installed");
        return Ok(true);
    }
    let command = format!("rustup target add {WASM}");
    if !install {
        report.note(format!("no {WASM}, so its checks are left out; install it: {command}"));
        return Ok(false);
    }
    if output(program("rustup").arg("--version")).is_err() {
        bail!("{WASM} is missing and there is no rustup; with rustup: {command}");
    }
    run(program("rustup").args(["target", "add", WASM]))?;
    Ok(true)
}

fn software_vulkan(install: bool, report: &mut Report) -> Result<Option<PathBuf>> {
    let packages = ["mesa-vulkan-drivers", "libvulkan1"];
    if find_software_vulkan().is_none() && install && apt_is_ours() {
        apt_install(&packages)?;
    }
    let found = find_software_vulkan();
    match &found {
        Some(icd) => println!("software Vulkan device: {}", icd.display()),
        None if cfg!(not(target_os = "linux")) => report.note(
            "Mesa's software Vulkan device is used on Linux; here GPU tests are reported as \
             ignored unless --host-gpu is given",
        ),
        None => {
            let command = match family(&os_release()) {
                Family::Debian => format!("sudo apt-get install -y {}", packages.join(" ")),
                Family::Fedora => "sudo dnf install -y mesa-vulkan-drivers vulkan-loader".into(),
                Family::Arch => "sudo pacman -S --needed vulkan-swrast vulkan-icd-loader".into(),
                Family::Suse => "sudo zypper install libvulkan_lvp libvulkan1".into(),
                Family::Other => "install Mesa's lavapipe driver and the Vulkan loader".into(),
            };
            report.note(format!(
                "no software Vulkan device, so GPU tests are reported as ignored; {command}"
            ));
        }
    }
    Ok(found)
}

/// Whether this is Debian or one of its kin and we may install packages.
pub(crate) fn apt_is_ours() -> bool {
    let root = output(program("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    root && family(&os_release()) == Family::Debian
}

/// Installs packages by apt, with lists that are fresh once a run.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    static FRESH: OnceLock<()> = OnceLock::new();
    if FRESH.get().is_none() {
        run(program("apt-get").args(["-q", "update"]))?;
        FRESH.get_or_init(|| ());
    }
    run(program("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "install", "-y", "--no-install-recommends"])
        .args(packages))
    .context("apt could not install what the tests need")
}

fn find_software_vulkan() -> Option<PathBuf> {
    let folders = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let files = folders.iter().filter_map(|f| std::fs::read_dir(f).ok()).flatten().flatten();
    let mut found: Vec<PathBuf> = files.map(|f| f.path()).filter(|p| is_lavapipe(p)).collect();
    // With several architectures installed, ours; a file that names none serves all.
    let foreign = |p: &PathBuf| {
        let name = p.to_string_lossy();
        !name.contains(std::env::consts::ARCH) && name.matches('.').count() > 2
    };
    found.sort_by_key(foreign);
    found.into_iter().next()
}

fn is_lavapipe(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("lvp_icd") && name.ends_with(".json")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Debian,
    Fedora,
    Arch,
    Suse,
    Other,
}

pub(crate) fn os_release() -> String {
    std::fs::read_to_string("/etc/os-release").unwrap_or_default()
}

pub(crate) fn family(os_release: &str) -> Family {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let ids = format!("{} {}", value("ID"), value("ID_LIKE"));
    let family = ids.split_whitespace().find_map(|id| match id {
        "debian" | "ubuntu" => Some(Family::Debian),
        "fedora" | "rhel" => Some(Family::Fedora),
        "arch" => Some(Family::Arch),
        "suse" | "opensuse" => Some(Family::Suse),
        _ => None,
    });
    family.unwrap_or(Family::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_known_by_its_own_id_or_its_kin() {
        assert_eq!(family("ID=debian\nVERSION_ID=\"12\"\n"), Family::Debian);
        assert_eq!(family("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Family::Debian);
        assert_eq!(family("ID=rocky\nID_LIKE=\"rhel centos fedora\"\n"), Family::Fedora);
        assert_eq!(family("ID=manjaro\nID_LIKE=arch\n"), Family::Arch);
        assert_eq!(family("VERSION_ID=\"debian\"\n"), Family::Other);
    }

    #[test]
    fn only_the_software_driver_is_taken() {
        assert!(is_lavapipe(Path::new("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")));
        assert!(is_lavapipe(Path::new("/usr/share/vulkan/icd.d/lvp_icd.json")));
        assert!(!is_lavapipe(Path::new("/usr/share/vulkan/icd.d/radeon_icd.x86_64.json")));
    }
}
