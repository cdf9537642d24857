//! The files that a search for the smallest one made: size against error, each a file that can be kept.

use serde::{Deserialize, Serialize};

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
    /// What the budget is compared with: the upper end of the one-sided confidence interval of the increase in percentage points,
    /// or of the error in percent, whichever the budget is about.
    pub bound: f64,
    /// Whether the bound keeps the budget.
    pub is_within: bool,
    /// Whether no other point is at most as large and at most as wrong.
    pub is_optimal: bool,
    /// Whether this is the file that the search handed over.
    pub is_chosen: bool,
}
