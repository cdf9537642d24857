//! `cargo xtask bench`: the criterion benches.

use anyhow::bail;

use crate::repository;

/// Runs them with `args`.
pub fn run(args: &[String]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .current_dir(repository::root())
        .args(["bench", "--package", "mixpress-benches", "--"])
        .args(args)
        .status()?;
    if !status.success() {
        bail!("the benches ended with {status}");
    }
    Ok(())
}
