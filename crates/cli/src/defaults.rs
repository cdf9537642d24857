//! What a command takes where its arguments leave something open.

use std::path::PathBuf;

/// The defaults of a program that offers these commands; `Defaults::default()` is the program `mixpress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// How the program is called, for commands that are shown.
    pub program: &'static str,
    /// The network that `compress` takes when none is named.
    pub network: &'static str,
    /// The folder of a data set that stands in for an absent `--data` where the network takes its images; the embedded
    /// UCI digits stand in for it elsewhere.
    pub images: Option<PathBuf>,
    /// The folder that an output without `--out` is written to; created when it is absent.
    pub folder: PathBuf,
    /// Whether an output without `--out` may replace the one of an earlier run.
    pub replace: bool,
    /// Whether `compress` writes a page beside an output without `--out`.
    pub report: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        let folder = PathBuf::new();
        Self { program: "mixpress", network: "digits-mlp", images: None, folder, replace: false, report: false }
    }
}
