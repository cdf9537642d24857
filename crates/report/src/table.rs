//! The outcome as a table for people.

use comfy_table::{CellAlignment, Table, presets};
use mixpress_compress::Outcome;

use crate::search::files_of_search;
use crate::units::{duration, grouped, percent, printable, size, times_smaller};

/// The whole report of a run: what was compressed, one line a tensor, size and error before and after. Ends with a line
/// break.
///
/// Bytes of a tensor are rounded to whole ones (small tensors share a stream); the total is the file's size on disk.
#[must_use]
pub fn table(outcome: &Outcome) -> String {
    format!(
        "{} on {}, seed {}\n\n{}\n{}\n{}weights that are zero: {}; time: {}\n",
        printable(&outcome.network),
        printable(&outcome.data),
        outcome.seed,
        tensors(outcome, false),
        totals(outcome),
        files_of_search(outcome),
        percent(outcome.sparsity.clamp(0.0, 1.0)),
        duration(outcome.seconds),
    )
}

/// What a file alone tells ([`Outcome::of_model`]): as [`table`], with how each tensor is coded, and without what only the
/// run knew. Ends with a line break.
#[must_use]
pub fn inspection(outcome: &Outcome) -> String {
    format!(
        "{}, seed {}\n\n{}\n{}\nweights that are zero: {}\n",
        printable(&outcome.network),
        outcome.seed,
        tensors(outcome, true),
        totals(outcome),
        percent(outcome.sparsity.clamp(0.0, 1.0)),
    )
}

/// One line a tensor, then the rest of the file and the total; the last column, if wanted, says how a tensor is coded.
fn tensors(outcome: &Outcome, with_coding: bool) -> String {
    let Outcome { layers, file_bytes, .. } = outcome;
    let mut header = vec!["tensor", "shape", "weights", "kept", "components", "bits a weight", "bytes"];
    if with_coding {
        header.push("coded as");
    }
    let mut table = plain(&header);
    for layer in layers {
        let mut row = vec![
            printable(&layer.name).into_owned(),
            shape(&layer.shape),
            grouped(layer.weights as u64),
            kept(layer.nonzero, layer.weights),
            if layer.components == 0 { "-".to_owned() } else { layer.components.to_string() },
            format!("{:.3}", layer.bits_per_weight),
            grouped(layer.bytes.round() as u64),
        ];
        if with_coding {
            row.push(layer.coding.clone());
        }
        table.add_row(row);
    }
    let weights: usize = layers.iter().map(|layer| layer.weights).sum();
    let nonzero: usize = layers.iter().map(|layer| layer.nonzero).sum();
    let in_tensors: f64 = layers.iter().map(|layer| layer.bytes).sum();
    let rest = (*file_bytes as f64 - in_tensors).max(0.0).round() as u64;
    let empty = String::new;
    table.add_row(["rest of the file".to_owned(), empty(), empty(), empty(), empty(), empty(), grouped(rest)]);
    let bits = if weights == 0 { 0.0 } else { 8.0 * *file_bytes as f64 / weights as f64 };
    table.add_row([
        "total".to_owned(),
        empty(),
        grouped(weights as u64),
        kept(nonzero, weights),
        empty(),
        format!("{bits:.3}"),
        grouped(*file_bytes),
    ]);
    align_numbers(&mut table, 2..7);
    format!("{}\n", table.trim_fmt())
}

/// Size and error before and after.
fn totals(outcome: &Outcome) -> String {
    let mut table = plain(&["", "before", "after", ""]);
    table.add_row([
        "size".to_owned(),
        size(outcome.original_bytes),
        size(outcome.file_bytes),
        times_smaller(outcome.original_bytes, outcome.file_bytes, 1),
    ]);
    let errors = [
        ("test error", outcome.float_error, outcome.compressed_error),
        ("validation error", outcome.float_validation_error, outcome.validation_error),
    ];
    for (what, before, after) in errors {
        if before.is_nan() && after.is_nan() {
            continue;
        }
        let difference = after - before;
        table.add_row([
            what.to_owned(),
            figure(before, |error| format!("{error:.2} %")),
            figure(after, |error| format!("{error:.2} %")),
            figure(difference, |points| format!("{points:+.2} points")),
        ]);
    }
    align_numbers(&mut table, 1..4);
    format!("{}\n", table.trim_fmt())
}

/// A figure as text; `-` when it is not known.
fn figure(value: f64, text: impl Fn(f64) -> String) -> String {
    if value.is_nan() { "-".to_owned() } else { text(value) }
}

/// A table of columns without borders.
pub(crate) fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

/// Aligns the columns that hold numbers to the right.
pub(crate) fn align_numbers(table: &mut Table, columns: std::ops::Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// `300 x 784`, or `scalar`.
pub(crate) fn shape(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}

/// The share of values that are not zero.
fn kept(nonzero: usize, weights: usize) -> String {
    if weights == 0 { "-".to_owned() } else { percent(nonzero as f64 / weights as f64) }
}

#[cfg(test)]
pub(crate) mod tests {
    use mixpress_compress::LayerOutcome;

    use super::*;

    /// A small outcome with round figures.
    pub(crate) fn example() -> Outcome {
        let layer = |name: &str, shape: &[usize], nonzero, components, bytes: f64| {
            let weights: usize = shape.iter().product();
            let bits_per_weight = 8.0 * bytes / weights as f64;
            LayerOutcome {
                name: name.into(),
                shape: shape.to_vec(),
                weights,
                nonzero,
                components,
                bytes,
                bits_per_weight,
                coding: "sparse".into(),
            }
        };
        Outcome {
            network: "lenet-300-100".into(),
            data: "mnist".into(),
            seed: 7,
            float_error: 1.27,
            compressed_error: 1.86,
            float_validation_error: 1.3,
            validation_error: 1.94,
            original_bytes: 940_800,
            file_bytes: 2202,
            ratio: 940_800.0 / 2202.0,
            sparsity: 0.994,
            seconds: 34.4,
            layers: vec![layer("fc1.weight", &[300, 784], 1411, 5, 2140.4), layer("fc1.bias", &[300], 40, 0, 21.6)],
            overhead_bytes: 40.0,
            history: vec![],
            frontier: vec![],
            judgement: None,
        }
    }

    #[test]
    fn the_table_says_what_every_tensor_took() {
        let text = table(&example());
        let line = |start: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(start));
            line.unwrap_or_else(|| panic!("no line {start:?} in\n{text}"))
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(line("fc1.weight"), "fc1.weight 300 x 784 235,200 0.60 % 5 0.073 2,140");
        assert_eq!(line("fc1.bias"), "fc1.bias 300 300 13.3 % - 0.576 22");
        assert_eq!(line("rest"), "rest of the file 40");
        assert_eq!(line("total"), "total 235,500 0.62 % 0.075 2,202");
        assert_eq!(line("size"), "size 940,800 bytes 2,202 bytes 427.2 times smaller");
        assert_eq!(line("test error"), "test error 1.27 % 1.86 % +0.59 points");
        assert_eq!(line("lenet"), "lenet-300-100 on mnist, seed 7");
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let text = table(&example());
        assert!(text.ends_with('\n'));
        assert!(text.lines().all(|line| line == line.trim_end()), "{text:?}");
        let ends: Vec<usize> = ["fc1.weight", "total"]
            .iter()
            .filter_map(|start| text.lines().find(|line| line.trim_start().starts_with(start)).map(str::len))
            .collect();
        assert_eq!(ends[0], ends[1], "{text}");
    }

    #[test]
    fn a_file_without_tensors_is_still_a_table() {
        let text = table(&Outcome { layers: vec![], ..example() });
        assert!(text.contains("total") && text.contains("2,202"), "{text}");
    }

    #[test]
    fn what_a_file_does_not_tell_is_not_said() {
        let outcome = Outcome { float_error: f64::NAN, compressed_error: f64::NAN, ..example() };
        let text = inspection(&outcome);
        assert!(!text.contains("NaN") && !text.contains("test error") && !text.contains("time:"), "{text}");
        assert!(text.contains("sparse") && text.contains("validation error"), "{text}");
        let nothing = Outcome { validation_error: f64::NAN, ..outcome };
        assert!(!inspection(&nothing).contains("NaN"));
    }

    #[test]
    fn names_from_files_are_shown_without_their_escape_codes() {
        let mut outcome = example();
        outcome.network = "net\u{1b}[31m".into();
        outcome.layers[0].name = "fc1\nweight".into();
        for text in [table(&outcome), inspection(&outcome)] {
            assert!(text.starts_with("net\\u{1b}[31m") && text.contains("fc1\\nweight"), "{text}");
        }
    }

    #[test]
    fn scalars_have_a_shape_of_their_own() {
        assert_eq!(shape(&[]), "scalar");
        assert_eq!(shape(&[20, 1, 5, 5]), "20 x 1 x 5 x 5");
    }
}
