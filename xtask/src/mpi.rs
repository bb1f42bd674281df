//! Learning by several processes, with whatever MPI is there or Debian's Open MPI.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cargo::{cargo, output, program, run};
use crate::report::{Outcome, Report};
use crate::setup::{apt_install, apt_is_ours};

/// Debian's packages: MPI with its launcher, what its bindings are made with, and `pgrep`.
const PACKAGES: [&str; 4] = ["libopenmpi-dev", "openmpi-bin", "libclang-dev", "procps"];

/// Builds the binary with MPI beside the other one and runs the tests that need it, by `tests`.
pub(crate) fn steps(
    target: &Path,
    install: bool,
    env: &[(String, PathBuf)],
    report: &mut Report,
    tests: impl FnOnce(&[(String, PathBuf)], &mut Report) -> Result<Outcome>,
) {
    let mut there = false;
    report.step("MPI", |report| {
        if !is_there() && install && apt_is_ours() {
            apt_install(&PACKAGES)?;
        }
        there = is_there();
        if there {
            return Ok(Outcome::Passed);
        }
        report.note(format!(
            "no MPI (mpirun, mpicc), so learning by several processes is left out; on Debian: \
             apt-get install {}",
            PACKAGES.join(" ")
        ));
        Ok(Outcome::Skipped)
    });
    // A copy, since any other build puts its own binary in this one's place.
    let binary = target.join(format!("thinkling-with-mpi{}", std::env::consts::EXE_SUFFIX));
    let built = there
        && report.step("build, MPI", |_| {
            run(&mut cargo("build --release -p thinkling-cli --features thinkling-cli/mpi"))?;
            let built = format!("release/thinkling{}", std::env::consts::EXE_SUFFIX);
            std::fs::copy(target.join(built), &binary)?;
            Ok(Outcome::Passed)
        });
    if built {
        let mut env = env.to_vec();
        env.retain(|(name, _)| name != "THINKLING_BIN");
        env.push(("THINKLING_BIN".to_owned(), binary));
        report.step("learning by several processes", |report| tests(&env, report));
    }
}

fn is_there() -> bool {
    ["mpirun", "mpicc"].iter().all(|name| output(program(name).arg("--version")).is_ok())
}
