//! The files that a search for the smallest one made: size against error, each a file that can be kept.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Budget, Error, FrontierFile, Overwrite};

/// The table of the files in a frontier's folder.
const TABLE: &str = "frontier.csv";

/// One file of a search, and how it was judged. Errors are of the validation split: the test set is not read for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Four bytes for each parameter of the network, divided by `file_bytes`.
    pub ratio: f64,
    /// The prior's strength at the end of joint training, as `joint.strength` has it.
    pub strength: f64,
    /// Error on the validation split, percent.
    pub validation_error: f64,
    /// Error beyond the float network's on the validation split, percentage points.
    pub increase: f64,
    /// What the budget is compared with: the upper end of the one-sided confidence interval of the increase in
    /// percentage points, or of the error in percent, whichever the budget is about.
    pub bound: f64,
    /// Whether the bound keeps the budget.
    pub is_within: bool,
    /// Whether no other point is at most as large and at most as wrong.
    pub is_optimal: bool,
    /// Whether this is the file that the search handed over.
    pub is_chosen: bool,
}

/// What a search was asked for, and on how much it was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What was asked for.
    pub budget: Budget,
    /// Held-out samples that files were judged on.
    pub samples: usize,
    /// Whether the chosen file was shown to keep the budget.
    pub is_kept: bool,
    /// Whether the search came to its own end: smaller files may be left to find where its time ended first.
    pub is_complete: bool,
}

/// Makes sure before a search that a folder takes its files.
///
/// # Errors
/// [`Error::Exists`] when something is there and may not be replaced, [`Error::Write`].
pub(crate) fn claim(folder: &Path, overwrite: Overwrite) -> Result<(), Error> {
    let refused = |source| Error::Write { path: folder.into(), source };
    fs::create_dir_all(folder).map_err(refused)?;
    if overwrite == Overwrite::Refuse && fs::read_dir(folder).map_err(refused)?.next().is_some() {
        return Err(Error::Exists { path: folder.into() });
    }
    tempfile::tempfile_in(folder).map(drop).map_err(refused)
}

/// Writes the files of a search into a folder, each named by its size, and then their table, in place of those of an
/// earlier search.
pub(crate) fn write(folder: &Path, files: &[FrontierFile]) -> Result<(), Error> {
    remove_earlier(folder);
    let mut table = "file,bytes,ratio,strength,validation error in percent,increase in points,bound,within the budget,optimal,chosen\n".to_owned();
    for (at, FrontierFile { point, bytes }) in files.iter().enumerate() {
        let FrontierPoint { file_bytes, ratio, strength, validation_error, increase, bound, .. } = point;
        let name = format!("{:02}-{file_bytes}.mxp", at + 1);
        Overwrite::Replace.write(&folder.join(&name), bytes)?;
        let flags =
            [point.is_within, point.is_optimal, point.is_chosen].map(|flag| if flag { "yes" } else { "no" }).join(",");
        let line = format!(
            "{name},{file_bytes},{ratio:.2},{strength:.4},{validation_error:.3},{increase:.3},{bound:.3},{flags}"
        );
        writeln!(table, "{line}").expect("text takes any line");
    }
    Overwrite::Replace.write(&folder.join(TABLE), table.as_bytes())
}

/// Removes the files that an earlier search's table names: they would stand among those of this one.
fn remove_earlier(folder: &Path) {
    let Ok(table) = fs::read_to_string(folder.join(TABLE)) else { return };
    for name in table.lines().skip(1).filter_map(|line| line.split(',').next()) {
        // Only names that a search gives, whatever the table says; what cannot be removed stays.
        let is_own = |stem: &str| stem.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if name.strip_suffix(".mxp").is_some_and(is_own) {
            let _ = fs::remove_file(folder.join(name));
        }
    }
}
