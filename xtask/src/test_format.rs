//! `cargo xtask test-format`: an independent reader of `.mxp` files agrees with ours.
//!
//! `docs/format/decode.py` was written from `docs/format.md` and calls none of our code. It decodes the golden files and
//! compares what it finds with the values stored beside them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::{python, repository};

/// Runs the reader; fails, rather than skips, where Python or `NumPy` is missing.
pub fn run() -> anyhow::Result<()> {
    let root = repository::root();
    check(&with_numpy()?, &root)
}

/// The program that is Python 3 here and has `NumPy`.
fn with_numpy() -> anyhow::Result<String> {
    let chosen = python::interpreter()?;
    let numpy = Command::new(&chosen).args(["-c", "import numpy"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !numpy.is_ok_and(|status| status.success()) {
        bail!("{chosen} has no NumPy; install it, for example by `{chosen} -m pip install numpy`, then try again");
    }
    Ok(chosen)
}

fn check(python: &str, root: &Path) -> anyhow::Result<()> {
    let (script, golden) = ("docs/format/decode.py", "docs/format/golden");
    let status = Command::new(python)
        .current_dir(root)
        .args([script, "--check", golden])
        .status()
        .with_context(|| format!("cannot start {python} {script}"))?;
    if !status.success() {
        bail!("{script} --check {golden} ended with {status}: the document, the files and the reader do not agree");
    }
    Ok(())
}
