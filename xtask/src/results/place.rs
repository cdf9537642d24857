//! What a figure depends on besides its job: the sources, the processor, the threads.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, bail};

/// What results are made of, from the repository's root. Other files change no figure.
const SOURCES: [&str; 6] = ["crates", "docs/recipes", "xtask/data", "Cargo.toml", "Cargo.lock", ".cargo"];

/// Where runs are made.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The last commit that changed the sources; `-dirty` says that they are not what it has.
    pub(super) commit: String,
    /// The processor's name.
    pub(super) processor: String,
    pub(super) threads: usize,
}

impl Place {
    /// This machine and these sources.
    pub(super) fn here(root: &Path, threads: Option<usize>) -> anyhow::Result<Self> {
        let threads = threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
        Ok(Self { commit: commit(root)?, processor: processor(), threads })
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self { commit: "0123456789".into(), processor: "Example 3000".into(), threads: 2 }
    }
}

fn commit(root: &Path) -> anyhow::Result<String> {
    let last = git(root, &["log", "-1", "--abbrev=10", "--format=%h", "--"])?;
    if last.is_empty() {
        bail!("no commit has {}", SOURCES.join(", "));
    }
    let is_dirty = !git(root, &["status", "--porcelain", "--"])?.is_empty();
    Ok(if is_dirty { last + "-dirty" } else { last })
}

/// What git says about the sources.
fn git(root: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").current_dir(root).args(args).args(SOURCES).output();
    let output = output.context("cannot start git, which tells the commit that results belong to")?;
    if !output.status.success() {
        bail!("git {} failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The processor's name as the system tells it, or else its architecture.
pub fn processor() -> String {
    let of_linux = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model_name(&text));
    let of_macos = || {
        let output = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!name.is_empty()).then_some(name)
    };
    of_linux.or_else(of_macos).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The first processor's name in the text of `/proc/cpuinfo`, with the numbers by which its kind is known: some clouds
/// give several kinds one name.
fn model_name(text: &str) -> Option<String> {
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let first = |key: &str| lines.iter().find(|(own, _)| own.trim() == key).map(|(_, value)| value.trim());
    let name = first("model name")?;
    let kind = first("cpu family").zip(first("model"));
    let kind = kind.map_or_else(String::new, |(family, model)| format!(" (family {family}, model {model})"));
    // A row of a table has columns of its own.
    Some(format!("{name}{kind}").replace('|', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn processors_are_named() {
        let text = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: Example 3000 | 2 GHz\n\nmodel name\t: Other\n";
        assert_eq!(model_name(text).as_deref(), Some("Example 3000 / 2 GHz (family 25, model 17)"));
        assert_eq!(model_name("model name: Example").as_deref(), Some("Example"));
        assert_eq!(model_name("processor\t: 0\n"), None);
        assert!(!processor().is_empty());
    }

    #[test]
    fn what_results_are_made_of_is_there() {
        for source in SOURCES {
            assert!(repository::root().join(source).exists(), "{source}");
        }
    }
}
