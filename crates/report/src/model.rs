//! A model that was compressed without data, as tables for people and as JSON for programs.

use std::borrow::Cow;
use std::path::Path;

use mixpress_compress::{Difference, ModelOutcome, ModelPlan, OutputOutcome, TensorOutcome, TensorPlan};
use serde::Serialize;

use crate::table::{align_numbers, plain, shape};
use crate::units::{duration, grouped, printable, size, times_smaller};

/// Tensors that are named one by one below a table.
const NAMED: usize = 5;

/// Weights with more noise than this, in dB, are hardly there: half of their energy is lost.
const LEAST_DB: f64 = 3.0;

/// What a compression reached: one line a tensor, bytes in and out, the largest tensors that were left as they are and
/// why, those with the largest distortion, and what was not done. A file that is larger than its source, and weights of
/// which hardly anything is left, are told. Ends with a line break.
#[must_use]
pub fn model_table(outcome: &ModelOutcome) -> String {
    let source = printable(&outcome.source).into_owned();
    let mut lines = vec![source, String::new(), tensors(&outcome.tensors, outcome.overhead_bytes)];
    let (before, after) = (size(outcome.original_bytes), size(outcome.file_bytes));
    let change = times_smaller(outcome.original_bytes, outcome.file_bytes, 2);
    lines.push(format!("{before} became {after}: {change}"));
    if outcome.weights > 0 {
        let (weights, bits) = (grouped(outcome.weights), outcome.bits_per_weight);
        let known = !outcome.snr_db.is_nan();
        let noise = if known { format!("; {}", decibels(outcome.snr_db)) } else { String::new() };
        lines.push(format!("{weights} weights compressed: {bits:.3} bits each, all bytes of the file counted{noise}"));
        lines.extend(hardly_anything(outcome.snr_db));
    }
    let mut kept: Vec<&TensorOutcome> = outcome.tensors.iter().filter(|tensor| !tensor.is_compressed()).collect();
    kept.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
    let of_kept = |tensor: &&TensorOutcome| {
        let reason = tensor.reason.as_deref().unwrap_or("as it is");
        format!("{} ({} bytes): {reason}", tensor.name, grouped(tensor.bytes.round() as u64))
    };
    lines.extend(first("kept exactly", &kept.iter().map(of_kept).collect::<Vec<_>>()));
    let mut worst: Vec<&TensorOutcome> = outcome.tensors.iter().filter(|tensor| tensor.snr_db.is_finite()).collect();
    worst.sort_by(|a, b| a.snr_db.total_cmp(&b.snr_db));
    let of_worst = |tensor: &&TensorOutcome| format!("{}: {}", tensor.name, decibels(tensor.snr_db));
    lines.extend(first("largest distortion", &worst.iter().map(of_worst).collect::<Vec<_>>()));
    lines.extend(all("outputs, beside the original's", &outcome.outputs.iter().map(output).collect::<Vec<_>>()));
    lines.extend(all("not done", &outcome.not_done));
    if outcome.seconds.is_finite() {
        let memory =
            outcome.peak_memory_bytes.map_or(String::new(), |bytes| format!("; memory: at most {}", size(bytes)));
        let time = duration(outcome.seconds);
        lines.extend([String::new(), format!("read back and compared with the source; time: {time}{memory}")]);
    }
    joined(&lines)
}

/// What would become of a model: one line a tensor, and the size that is expected. Ends with a line break.
#[must_use]
pub fn plan_table(plan: &ModelPlan) -> String {
    let mut table = plain(&["tensor", "type", "shape", "weights", "bits a weight", "dB", "bytes", "treatment"]);
    for tensor in &plan.tensors {
        table.add_row([
            printable(&tensor.name).into_owned(),
            tensor.dtype.clone(),
            shape(&tensor.shape),
            grouped(tensor.weights as u64),
            format!("{:.3}", 8.0 * tensor.expected_bytes / tensor.weights.max(1) as f64),
            ratio(tensor.expected_snr_db),
            grouped(tensor.expected_bytes.round() as u64),
            treatment(tensor),
        ]);
    }
    align_numbers(&mut table, 3..7);
    let (before, after) = (size(plan.source_bytes), size(plan.expected_bytes));
    let change = times_smaller(plan.source_bytes, plan.expected_bytes, 2);
    let noise = decibels(plan.expected_snr_db);
    let mut lines = vec![table.trim_fmt(), String::new()];
    lines.push(format!("{before} would become about {after}: {change}; {noise}"));
    lines.extend(hardly_anything(plan.expected_snr_db));
    let memory = plan.expected_memory_bytes.map_or(String::new(), |bytes| format!(" and {} of memory", size(bytes)));
    lines.push(format!("it would take about {}{memory}", duration(plan.expected_seconds)));
    lines.extend(all("cannot be done", &plan.not_done));
    lines.push("nothing was written".to_owned());
    joined(&lines)
}

fn treatment(tensor: &TensorPlan) -> String {
    let way = match (&tensor.kept, tensor.states) {
        (Some(reason), _) => return format!("kept exactly: {reason}"),
        (None, 0) => "codebook".to_owned(),
        (None, states) => format!("trellis, {states} states"),
    };
    match tensor.own_bits {
        Some(bits) => format!("{way}, at most {bits} bits a weight"),
        None => way,
    }
}

/// [`plan_table`] as one JSON object on one line, without a line break at its end: the fields of the plan.
#[must_use]
#[allow(clippy::missing_panics_doc, reason = "no plan makes it panic: its keys are text and its values can be written")]
pub fn plan_json(plan: &ModelPlan) -> String {
    serde_json::to_string(plan).expect("a plan holds only names, numbers and lists of them")
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
            printable(&difference.name).into_owned(),
            difference.snr_db.map_or(String::new(), ratio),
            difference.largest.map_or(String::new(), |largest| format!("{largest:.3e}")),
            difference.what.clone().unwrap_or_else(|| "values".to_owned()),
        ]);
    }
    align_numbers(&mut table, 1..3);
    format!("{}\n\ntensors that differ: {}\n", table.trim_fmt(), differences.len())
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
            printable(&tensor.name).into_owned(),
            tensor.dtype.clone(),
            shape(&axes),
            grouped(tensor.weights),
            if tensor.levels == 0 { "-".to_owned() } else { tensor.levels.to_string() },
            format!("{:.3}", tensor.bits),
            ratio(tensor.snr_db),
            grouped(tensor.bytes.round() as u64),
            coded_as(tensor),
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

/// How a tensor is coded, the name of the one that predicts it only from where it differs from its own.
fn coded_as(tensor: &TensorOutcome) -> String {
    const FROM: &str = "predicted from ";
    let words = printable(&tensor.treatment);
    let Some((before, partner)) = words.split_once(FROM) else { return words.into_owned() };
    let name = printable(&tensor.name);
    let same = name.chars().zip(partner.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    match partner[..same].rfind(['.', '/']) {
        Some(last) => format!("{before}{FROM}\u{2026}{}", &partner[last + 1..]),
        None => words.into_owned(),
    }
}

/// How far an output is from the original's, in words.
fn output(output: &OutputOutcome) -> String {
    let name = &output.name;
    if let Some(equal) = output.equal {
        return format!("{name}: {:.2} % equal", 100.0 * equal);
    }
    let top1 = output.top1.map_or(String::new(), |top1| format!(", same first place in {:.2} %", 100.0 * top1));
    let OutputOutcome { relative, cosine, largest, .. } = output;
    format!(
        "{name}: relative error {relative:.2e}, cosine similarity {cosine:.6}, largest difference {largest:.2e}{top1}"
    )
}

/// An empty line, a heading, and the first of some lines; nothing if there are none.
fn first(heading: &str, lines: &[String]) -> Vec<String> {
    let mut out = all(heading, &lines[..lines.len().min(NAMED)]);
    if lines.len() > NAMED {
        out.push(format!("  and {} more", lines.len() - NAMED));
    }
    out
}

/// An empty line, a heading, and some lines; nothing if there are none.
fn all(heading: &str, lines: &[String]) -> Vec<String> {
    if lines.is_empty() {
        return Vec::new();
    }
    let head = [String::new(), format!("{heading}:")];
    head.into_iter().chain(lines.iter().map(|line| format!("  {}", printable(line)))).collect()
}

fn joined(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// A ratio in dB; `-` for one that is infinite, nothing for one that is unknown.
fn ratio(decibels: f64) -> String {
    match decibels {
        f64::INFINITY => "-".to_owned(),
        known if known.is_finite() => format!("{known:.1}"),
        _ => String::new(),
    }
}

/// What is said of so low a ratio.
fn hardly_anything(ratio: f64) -> Option<String> {
    (ratio < LEAST_DB).then(|| format!("hardly anything of the weights is left: the ratio is below {LEAST_DB} dB"))
}

/// A signal-to-noise ratio in words.
fn decibels(ratio: f64) -> String {
    if ratio.is_finite() { format!("signal-to-noise ratio {ratio:.2} dB") } else { "no noise".to_owned() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn a_partner_is_named_by_what_is_not_its_own_name() {
        let mut tensor = outcome().tensors[0].clone();
        tensor.name = "layer.0.output.weight".into();
        for (words, expected) in [
            ("trellis, 64 states", "trellis, 64 states"),
            (
                "trellis, predicted from layer.0.key.weight, along x",
                "trellis, predicted from \u{2026}key.weight, along x",
            ),
            ("trellis, predicted from other", "trellis, predicted from other"),
        ] {
            tensor.treatment = words.into();
            assert_eq!(coded_as(&tensor), expected);
        }
    }

    /// Seven tensors with codebooks, of 20 to 26 dB, and one that is kept.
    pub(crate) fn outcome() -> ModelOutcome {
        let tensor = |name: &str, levels: usize, snr: &str| {
            format!(
                r#"{{"name":"{name}","shape":[30,20],"dtype":"f16","weights":600,"levels":{levels},"bits":3.5,"snr_db":{snr},
                    "bytes":262.5,"treatment":"static entropy coding","reason":{}}}"#,
                if levels == 0 { r#""one axis""# } else { "null" }
            )
        };
        let mut tensors: Vec<String> =
            (0..7).map(|i| tensor(&format!("layer.{i}.weight"), 12, &format!("{}", 20 + i))).collect();
        tensors.push(tensor("bias", 0, "null"));
        let text = format!(
            r#"{{"source":"model.onnx","original_bytes":9600,"file_bytes":2400,"ratio":4.0,"weights":4200,"bits_per_weight":4.571,
                "snr_db":21.5,"overhead_bytes":300.0,"tensors":[{}],"not_done":["no tensor's name matches x"],
                "peak_memory_bytes":1000000,"seconds":1.5}}"#,
            tensors.join(",")
        );
        serde_json::from_str(&text).expect("an outcome's fields")
    }

    #[test]
    fn a_table_says_what_was_kept_what_is_worst_and_what_was_not_done() {
        let text = model_table(&outcome());
        for part in [
            "9,600 bytes became 2,400 bytes: 4.00 times smaller",
            "4,200 weights compressed: 4.571 bits each",
            "kept exactly:\n  bias (263 bytes): one axis\n",
            "largest distortion:\n  layer.0.weight: signal-to-noise ratio 20.00 dB\n",
            "  and 2 more\n",
            "not done:\n  no tensor's name matches x\n",
            "30 x 20",
        ] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
    }

    #[test]
    fn a_table_says_what_people_would_not_want() {
        let warning = "hardly anything of the weights is left";
        assert!(!model_table(&outcome()).contains(warning));
        let bad = ModelOutcome { snr_db: 0.24, original_bytes: 2350, ratio: 2350.0 / 2400.0, ..outcome() };
        let text = model_table(&bad);
        assert!(text.contains(warning) && text.contains("larger than its source, by 50 bytes"), "{text}");
        assert!(!text.contains("smaller"), "{text}");
        assert!(!model_table(&ModelOutcome { snr_db: f64::NAN, ..outcome() }).contains(warning));
        assert!(!model_table(&ModelOutcome { snr_db: f64::INFINITY, ..outcome() }).contains(warning));
    }

    #[test]
    fn names_from_files_are_shown_without_their_escape_codes() {
        let mut outcome = outcome();
        outcome.source = "m\u{1b}[31m.onnx".into();
        outcome.tensors[0].name = "a\nb".into();
        outcome.not_done = vec!["no tensor's name matches \u{1b}c".into()];
        let text = model_table(&outcome);
        assert!(text.contains("a\\nb: signal") && text.contains("matches \\u{1b}c"), "{text}");
        assert!(!text.contains('\u{1b}') && tensors_table(&outcome.tensors).contains("a\\nb"), "{text}");
        let only = Difference { name: "w\u{1b}".into(), what: None, snr_db: None, largest: None };
        assert!(differences_table(&[only]).contains("w\\u{1b}"));
    }

    #[test]
    fn json_has_the_promised_keys_and_comes_back() {
        let outcome = outcome();
        let line = model_json(&outcome, Some(Path::new("m.mxp")));
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).expect("valid JSON");
        for key in ["weights", "bits_per_weight", "snr_db", "tensors", "peak_memory_bytes", "seconds", "file"] {
            assert!(!value[key].is_null(), "{key} is missing from {line}");
        }
        for key in ["name", "shape", "dtype", "levels", "bits", "snr_db", "bytes", "treatment"] {
            assert!(!value["tensors"][0][key].is_null(), "{key} is missing from {line}");
        }
        assert!(value["tensors"][7]["snr_db"].is_null(), "what is exact has no ratio");
        assert_eq!(serde_json::from_str::<ModelOutcome>(&line).expect("an outcome"), outcome);
        // Of a file alone, and of one without codebooks, some figures are unknown or infinite.
        let unknown = ModelOutcome { snr_db: f64::NAN, seconds: f64::NAN, bits_per_weight: f64::INFINITY, ..outcome };
        let line = model_json(&unknown, None);
        assert!(!line.contains("seconds") && line.contains(r#""bits_per_weight":null"#), "{line}");
        let back: ModelOutcome = serde_json::from_str(&line).expect("an outcome");
        assert!(back.snr_db.is_nan() && back.seconds.is_nan() && back.bits_per_weight == f64::INFINITY);
        assert!(!model_table(&back).contains("no noise"), "nobody knows that");
    }

    #[test]
    fn differences_are_told_or_that_there_are_none() {
        assert_eq!(differences_table(&[]), "no tensor differs\n");
        let only = Difference { name: "w".into(), what: Some("only in the first".into()), snr_db: None, largest: None };
        let text = differences_table(&[only]);
        assert!(text.contains("only in the first") && text.ends_with("tensors that differ: 1\n"), "{text}");
    }
}
