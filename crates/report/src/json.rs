//! The outcome as one line of JSON.

use std::borrow::Cow;
use std::path::Path;

use mixpress_compress::Outcome;
use serde::Serialize;

/// What [`json`] writes: every field of the outcome, and the file that it was measured on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report<'a> {
    /// The figures, at the top level of the object.
    #[serde(flatten)]
    pub outcome: &'a Outcome,
    /// The compressed file, absent for a run in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Cow<'a, str>>,
}

/// One JSON object on one line, without a line break at its end.
///
/// Keys are those of [`Outcome`] (`network`, `data`, `seed`, `float_error` and `compressed_error` in percent,
/// `original_bytes`, `file_bytes`, `ratio`, `sparsity` as a share, `seconds`, `layers`, ...) and `file`. Numbers that are
/// not finite become `null`, as JSON has no word for them, and what is not Unicode in the
/// path of a file becomes U+FFFD.
///
/// ```
/// # let outcome: mixpress_report::Outcome = mixpress_report_example();
/// let line = mixpress_report::json(&outcome, Some("digits-mlp.mxp".as_ref()));
/// assert!(line.contains(r#""file_bytes":1723"#) && line.contains(r#""file":"digits-mlp.mxp""#));
/// # fn mixpress_report_example() -> mixpress_report::Outcome {
/// #     mixpress_report::Outcome {
/// #         network: "digits-mlp".into(), data: "digits".into(), seed: 0, float_error: 2.5, compressed_error: 2.8,
/// #         float_validation_error: 1.7, validation_error: 2.0, original_bytes: 68_904, file_bytes: 1723,
/// #         ratio: 68_904.0 / 1723.0, sparsity: 0.9, seconds: 3.0, layers: vec![], overhead_bytes: 60.0, history: vec![],
/// #         frontier: vec![], judgement: None,
/// #     }
/// # }
/// ```
#[must_use]
#[allow(
    clippy::missing_panics_doc,
    reason = "no outcome makes it panic: its keys are text and its values can all be written"
)]
pub fn json(outcome: &Outcome, file: Option<&Path>) -> String {
    let report = Report { outcome, file: file.map(Path::to_string_lossy) };
    serde_json::to_string(&report).expect("an outcome holds only names, numbers and lists of them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::example;

    #[test]
    fn one_line_with_every_promised_key() {
        let line = json(&example(), Some(Path::new("a.mxp")));
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).expect("valid JSON");
        for key in [
            "network",
            "seed",
            "float_error",
            "compressed_error",
            "original_bytes",
            "file_bytes",
            "ratio",
            "sparsity",
            "seconds",
            "layers",
            "file",
        ] {
            assert!(!value[key].is_null(), "{key} is missing from {line}");
        }
        assert_eq!(value["layers"][0]["name"], "fc1.weight");
    }

    #[test]
    fn the_outcome_comes_back_from_its_json() {
        let outcome = example();
        let back: Outcome = serde_json::from_str(&json(&outcome, None)).expect("the fields of an outcome");
        assert_eq!(back, outcome);
    }

    #[test]
    fn what_is_not_finite_becomes_null() {
        let outcome = Outcome { seconds: f64::NAN, ..example() };
        assert!(json(&outcome, None).contains(r#""seconds":null"#));
    }
}
