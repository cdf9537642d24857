//! `cargo xtask test-old-cpu`: golden files and twenty steps of training on a processor without any newer vector units.
//!
//! `MIXPRESS_SIMD` pins our loops; `gemm` and other libraries choose for themselves. So whole tests run under `qemu-user`
//! with an old model of processor, on which any instruction that it lacks ends the program: no choice can be wrong unseen.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::repository;

/// The emulator of `qemu-user` for the programs that are built here.
const EMULATOR: &str = "qemu-x86_64";

/// The first processor of the architecture, an Opteron, as QEMU has it: SSE3, and no vector units after those.
const MODEL: &str = "Opteron_G1";

/// The tests, by the names of their files in `tests/`: `golden` those of every crate that has golden values, of the format's
/// files and of `PyTorch`.
const TESTS: [&str; 2] = ["golden", "twenty_steps"];

/// Runs the tests; fails, rather than skips, where they cannot be run.
pub fn run() -> anyhow::Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("old processors are emulated for programs of Linux on x86_64 only; nothing was tested");
    }
    let found = Command::new(EMULATOR).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        bail!("{EMULATOR} does not run; install QEMU's user mode (on Debian the package qemu-user), then try again");
    }
    check_level()?;
    let mut tests = cargo();
    // All of the workspace, so that what `cargo test --workspace` has built serves here, too.
    tests.args(["test", "--workspace"]).args(TESTS.iter().flat_map(|test| ["--test", test]));
    let status = tests.status().with_context(|| format!("cannot start {}", tests.get_program().display()))?;
    if !status.success() {
        bail!("the tests {} ended with {status} on {MODEL}", TESTS.join(" and "));
    }
    Ok(())
}

/// Fails where loops run on anything but the plainest level.
fn check_level() -> anyhow::Result<()> {
    let mut example = cargo();
    example.args(["run", "--quiet", "--package", "mixpress-simd", "--example", "level"]);
    let output = example.stderr(Stdio::inherit()).output()?;
    let levels = String::from_utf8_lossy(&output.stdout);
    println!("on {MODEL}: {}", levels.trim().replace('\n', ", "));
    if !output.status.success() || !runs_plain(&levels) {
        bail!("loops must run on scalar units on {MODEL}, and no others be there");
    }
    Ok(())
}

/// Whether the example's lines say that the plainest level is chosen and no other is there.
fn runs_plain(levels: &str) -> bool {
    levels.lines().next() == Some("scalar chosen") && levels.lines().skip(1).all(|line| line.ends_with(" absent"))
}

/// Cargo, running what it builds under the emulator.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    let runner = format!("target.'cfg(target_arch = \"x86_64\")'.runner = ['{EMULATOR}', '-cpu', '{MODEL}']");
    // What is tested is the choice of the program itself.
    command.current_dir(repository::root()).env_remove("MIXPRESS_SIMD").args(["--config", &runner]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plainest_level_will_do() {
        assert!(runs_plain("scalar chosen\nneon absent\navx2 absent\n"));
        assert!(!runs_plain("scalar available\navx2 chosen\n"));
        assert!(!runs_plain("scalar chosen\navx2 available\n"));
        assert!(!runs_plain(""));
    }
}
