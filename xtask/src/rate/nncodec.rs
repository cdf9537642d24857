//! The same weights by `NNCodec`, the implementation of ISO/IEC 15938-17 by Fraunhofer HHI.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{python, repository};

/// The codec, and what builds it. Its other dependencies are for training, which is not done.
const INSTALLS: [&[&str]; 2] = [
    &["numpy<2", "packaging", "pybind11", "setuptools", "wheel"],
    &["--no-build-isolation", "--no-deps", "nncodec==2.1.3"],
];
const PROBE: &str = "import numpy, nncodec.extensions.deepCABAC";

/// What it takes at a ratio.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Theirs {
    /// Bits a weight at the ratio, on the line between its steps on both sides of it.
    pub bits: f64,
    /// Those of the nearer step.
    pub encoded_million_per_second: f64,
    pub decoded_million_per_second: f64,
}

/// Its Python, in an environment under `target/`.
///
/// # Errors
/// If it cannot be installed.
pub fn python() -> anyhow::Result<PathBuf> {
    python::environment(&repository::root().join("target/nncodec"), PROBE, &INSTALLS)
}

/// A model of matrices at each ratio.
///
/// # Errors
/// If the codec fails.
pub fn measure(python: &Path, model: &Path, ratios: &[f64]) -> anyhow::Result<Vec<Theirs>> {
    let stream = model.with_extension("nnc");
    let files = [model, &stream].map(Path::as_os_str);
    let ratios: Vec<OsString> = ratios.iter().map(|ratio| ratio.to_string().into()).collect();
    python::json(python, "nncodec_rate.py", files.into_iter().chain(ratios.iter().map(OsString::as_os_str)))
}
