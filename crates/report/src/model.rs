//! A model that was compressed without data, as tables for people and as JSON for programs.

use std::borrow::Cow;
use std::path::Path;

use mixpress_compress::{Difference, ModelOutcome, ModelPlan, TensorOutcome};
use serde::Serialize;

use crate::table::{align_numbers, plain, shape};
use crate::units::{duration, grouped, size};

/// Tensors that are named one by one below a table.
const NAMED: usize = 5;

/// What a compression reached: one line a tensor, bytes in and out, the largest tensors that were left as they are and why, those
/// with the largest distortion, and what was not done. Ends with a line break.
#[must_use]
pub fn model_table(outcome: &ModelOutcome) -> String {
    let mut out = format!("{}\n\n{}\n", outcome.source, tensors(&outcome.tensors, outcome.overhead_bytes));
    out += &format!(
        "{} became {}: {:.2} times smaller\n",
        size(outcome.original_bytes),
        size(outcome.file_bytes),
        outcome.ratio
    );
    if outcome.weights > 0 {
        out += &format!(
            "{} weights with codebooks: {:.3} bits a weight (all bytes of the file count), {}\n",
            grouped(outcome.weights),
            outcome.bits_per_weight,
            decibels(outcome.snr_db)
        );
    }
    let mut kept: Vec<&TensorOutcome> = outcome.tensors.iter().filter(|tensor| tensor.levels == 0).collect();
    kept.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
    list(
        &mut out,
        "kept exactly",
        kept.len(),
        kept.iter().map(|tensor| {
            let reason = tensor.reason.as_deref().unwrap_or("as it is");
            format!("{} ({} bytes): {reason}", tensor.name, grouped(tensor.bytes.round() as u64))
        }),
    );
    let mut worst: Vec<&TensorOutcome> = outcome.tensors.iter().filter(|tensor| tensor.snr_db.is_finite()).collect();
    worst.sort_by(|a, b| a.snr_db.total_cmp(&b.snr_db));
    list(
        &mut out,
        "largest distortion",
        worst.len(),
        worst.iter().map(|tensor| format!("{}: {}", tensor.name, decibels(tensor.snr_db))),
    );
    list_all(&mut out, "not done", &outcome.not_done);
    if outcome.seconds.is_finite() {
        let memory =
            outcome.peak_memory_bytes.map_or(String::new(), |bytes| format!("; memory at most {}", size(bytes)));
        out += &format!("\nread back and compared with the source; time: {}{memory}\n", duration(outcome.seconds));
    }
    out
}

/// What would become of a model: one line a tensor, and the size that is expected. Ends with a line break.
#[must_use]
pub fn plan_table(plan: &ModelPlan) -> String {
    let mut table = plain(&["tensor", "type", "shape", "weights", "bits a weight", "dB", "bytes", "treatment"]);
    for tensor in &plan.tensors {
        table.add_row([
            tensor.name.clone(),
            tensor.dtype.clone(),
            shape(&tensor.shape),
            grouped(tensor.weights as u64),
            format!("{:.3}", 8.0 * tensor.expected_bytes / tensor.weights.max(1) as f64),
            ratio(tensor.expected_snr_db),
            grouped(tensor.expected_bytes.round() as u64),
            match (&tensor.kept, tensor.own_bits) {
                (Some(reason), _) => format!("kept exactly: {reason}"),
                (None, Some(bits)) => format!("codebook, at most {bits} bits a weight"),
                (None, None) => "codebook".to_owned(),
            },
        ]);
    }
    align_numbers(&mut table, 3..7);
    let mut out = format!("{}\n\n", table.trim_fmt());
    out += &format!(
        "{} would become about {}: {:.2} times smaller, {}\nnothing was written\n",
        size(plan.source_bytes),
        size(plan.expected_bytes),
        plan.source_bytes as f64 / plan.expected_bytes.max(1) as f64,
        decibels(plan.expected_snr_db)
    );
    list_all(&mut out, "cannot be done", &plan.not_done);
    out
}

/// Tensors of a file, one line each. Ends with a line break.
#[must_use]
pub fn tensors_table(of_file: &[TensorOutcome]) -> String {
    tensors(of_file, f64::NAN)
}

/// How two models differ, one line a tensor. Ends with a line break.
#[must_use]
pub fn differences_table(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "no tensor differs\n".to_owned();
    }
    let mut table = plain(&["tensor", "dB", "largest difference", "what differs"]);
    for difference in differences {
        table.add_row([
            difference.name.clone(),
            difference.snr_db.map_or(String::new(), ratio),
            difference.largest.map_or(String::new(), |largest| format!("{largest:.3e}")),
            difference.what.clone().unwrap_or_else(|| "values".to_owned()),
        ]);
    }
    align_numbers(&mut table, 1..3);
    format!("{}\n{} tensors differ\n", table.trim_fmt(), differences.len())
}

/// One JSON object on one line, without a line break at its end: the fields of the outcome, and the file.
#[must_use]
#[allow(
    clippy::missing_panics_doc,
    reason = "no outcome makes it panic: its keys are text and its values can be written"
)]
pub fn model_json(outcome: &ModelOutcome, file: Option<&Path>) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        #[serde(flatten)]
        outcome: &'a ModelOutcome,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<Cow<'a, str>>,
    }
    let report = Report { outcome, file: file.map(Path::to_string_lossy) };
    serde_json::to_string(&report).expect("an outcome holds only names, numbers and lists of them")
}

fn tensors(of_file: &[TensorOutcome], overhead: f64) -> String {
    let mut table =
        plain(&["tensor", "type", "shape", "weights", "levels", "bits a weight", "dB", "bytes", "coded as"]);
    for tensor in of_file {
        let axes: Vec<usize> = tensor.shape.iter().map(|&length| length as usize).collect();
        table.add_row([
            tensor.name.clone(),
            tensor.dtype.clone(),
            shape(&axes),
            grouped(tensor.weights),
            if tensor.levels == 0 { "-".to_owned() } else { tensor.levels.to_string() },
            format!("{:.3}", tensor.bits),
            ratio(tensor.snr_db),
            grouped(tensor.bytes.round() as u64),
            tensor.treatment.clone(),
        ]);
    }
    if overhead.is_finite() {
        let empty = String::new;
        let rest = grouped(overhead.max(0.0).round() as u64);
        let row = ["rest of the file".to_owned(), empty(), empty(), empty(), empty(), empty(), empty(), rest];
        table.add_row(row);
    }
    align_numbers(&mut table, 3..8);
    format!("{}\n", table.trim_fmt())
}

/// A heading, and the first of some lines.
fn list(out: &mut String, heading: &str, count: usize, lines: impl Iterator<Item = String>) {
    if count == 0 {
        return;
    }
    *out += &format!("\n{heading}:\n");
    for line in lines.take(NAMED) {
        *out += &format!("  {line}\n");
    }
    if count > NAMED {
        *out += &format!("  and {} more\n", count - NAMED);
    }
}

fn list_all(out: &mut String, heading: &str, lines: &[String]) {
    if !lines.is_empty() {
        *out += &format!("\n{heading}:\n");
        lines.iter().for_each(|line| *out += &format!("  {line}\n"));
    }
}

/// A ratio in dB; `-` for one that is infinite.
fn ratio(decibels: f64) -> String {
    if decibels.is_finite() { format!("{decibels:.1}") } else { "-".to_owned() }
}

/// A signal-to-noise ratio in words.
fn decibels(ratio: f64) -> String {
    if ratio.is_finite() { format!("signal-to-noise ratio {ratio:.2} dB") } else { "no noise".to_owned() }
}
