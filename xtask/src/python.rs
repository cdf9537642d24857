//! Python beside the repository: the interpreter, its pip, and virtual environments under `target/`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

use crate::repository;

/// The program that is Python 3 here: what PYTHON names, or `python3`.
///
/// # Errors
/// If it does not run.
pub fn interpreter() -> anyhow::Result<String> {
    let chosen = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !runs(Command::new(&chosen).arg("--version")) {
        bail!("{chosen} does not run; install Python 3 (or name one in PYTHON), then try again");
    }
    Ok(chosen)
}

/// [`interpreter`], which has pip.
///
/// # Errors
/// If it does not run or has no pip.
pub fn with_pip() -> anyhow::Result<String> {
    let python = interpreter()?;
    if !runs(Command::new(&python).args(["-m", "pip", "--version"])) {
        bail!("{python} has no pip; install it, for example by `{python} -m ensurepip`, then try again");
    }
    Ok(python)
}

/// The Python of a virtual environment in which the code `probe` runs. Where it does not, the environment is made and each
/// list of arguments is given to its `pip install`.
///
/// # Errors
/// If there is no Python, or something cannot be installed.
pub fn environment(folder: &Path, probe: &str, installs: &[&[&str]]) -> anyhow::Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.exists() || !runs(Command::new(&python).args(["-c", probe])) {
        eprintln!("installing {} into {}", installs.concat().join(" "), folder.display());
        check(Command::new(interpreter()?).args(["-m", "venv"]).arg(folder), "make a virtual environment")?;
        for packages in installs {
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
            check(Command::new(&python).args(pip).args(*packages), &format!("install {}", packages.join(" ")))?;
        }
    }
    Ok(python)
}

/// What a script in `xtask/python` prints; what it says on standard error is passed on.
///
/// # Errors
/// If it cannot be started or fails.
pub fn output<A: AsRef<OsStr>>(
    python: &Path,
    script: &str,
    args: impl IntoIterator<Item = A>,
) -> anyhow::Result<String> {
    let script = repository::root().join("xtask/python").join(script);
    let mut command = Command::new(python);
    command.arg(&script).args(args).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{} ended with {}", script.display(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last line that a script in `xtask/python` prints, which is JSON.
///
/// # Errors
/// As [`output`]; if it is none.
pub fn json<T: DeserializeOwned, A: AsRef<OsStr>>(
    python: &Path,
    script: &str,
    args: impl IntoIterator<Item = A>,
) -> anyhow::Result<T> {
    let text = output(python, script, args)?;
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("{script} printed {last:?}"))
}

/// Runs a command that has to end well.
///
/// # Errors
/// With the purpose, if it cannot be started or fails.
pub fn check(command: &mut Command, purpose: &str) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?} to {purpose}"))?;
    if !status.success() {
        bail!("could not {purpose}: {command:?} ended with {status}");
    }
    Ok(())
}

/// Whether a command runs and ends well; what it says is not shown.
fn runs(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_says_for_what() {
        let error = check(&mut Command::new("no-program-has-this-name"), "test it").unwrap_err().to_string();
        assert!(error.contains("no-program-has-this-name") && error.contains("test it"), "{error}");
        assert!(!runs(&mut Command::new("no-program-has-this-name")));
    }
}
