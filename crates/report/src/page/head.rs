//! The headline: what became of the size and of the error, beside what anybody gets without a method.

use maud::{Markup, html};
use mixpress_compress::{Baseline, Details, Outcome};

use super::figure::{Figure, WIDTH, joined};
use super::keyed::{count, keyed, percent, points, ratio_text};
use super::scale::Scale;
use super::table;
use crate::units::times_smaller;
use crate::{duration, printable, size};

/// The title of the document.
pub(super) fn title(outcome: &Outcome) -> String {
    let change = times_smaller(outcome.original_bytes, outcome.file_bytes, 0);
    format!("{}: {change}", printable(&outcome.network))
}

/// The headline and the comparison.
pub(super) fn markup(outcome: &Outcome, details: Option<&Details>) -> Markup {
    let baseline = details.and_then(|details| details.baseline);
    let ratio = keyed("/ratio", outcome.ratio, &ratio_text(outcome.ratio));
    let is_smaller = outcome.file_bytes < outcome.original_bytes;
    html! {
        h1 {
            (printable(&outcome.network))
            @if is_smaller { ": " (ratio) " times smaller" }
        }
        p class="note" {
            @if !outcome.data.is_empty() { "trained on " (printable(&outcome.data)) ", " }
            "seed " (keyed("/seed", outcome.seed, &outcome.seed.to_string()))
            @if outcome.seconds.is_finite() { ", " (keyed("/seconds", outcome.seconds, &duration_text(outcome.seconds))) }
        }
        div class="cards" {
            div class="card" {
                p class="what" { "Size" }
                p class="big" { (count("/file_bytes", outcome.file_bytes)) " bytes" }
                p { "before: " (count("/original_bytes", outcome.original_bytes)) " bytes" }
            }
            (errors(outcome))
            @if let Some(Baseline { bytes, error }) = baseline {
                div class="card" {
                    p class="what" { "8-bit rounding and zstd, for comparison" }
                    p class="big" { (count("/details/baseline/bytes", bytes)) " bytes" }
                    p {
                        "test error " (percent("/details/baseline/error", error)) ", "
                        (ratio_text(outcome.original_bytes as f64 / bytes.max(1) as f64)) " times smaller"
                    }
                }
            }
        }
        (comparison(outcome, baseline))
    }
}

/// Exact where it is short, as the check of a page compares it.
fn duration_text(seconds: f64) -> String {
    if seconds < 100.0 { format!("{seconds:.1} s") } else { duration(seconds) }
}

/// The card about errors: on the test set, or, from a file alone, on the validation split.
fn errors(outcome: &Outcome) -> Markup {
    let test = (outcome.float_error, outcome.compressed_error, "/float_error", "/compressed_error", "Test error");
    let validation = (
        outcome.float_validation_error,
        outcome.validation_error,
        "/float_validation_error",
        "/validation_error",
        "Validation error",
    );
    let (before, after, before_key, after_key, what) = if test.1.is_nan() { validation } else { test };
    if after.is_nan() {
        return html! {};
    }
    html! {
        div class="card" {
            p class="what" { (what) }
            p class="big" { (percent(after_key, after)) }
            p { "before: " (percent(before_key, before)) @if let Some(points) = points(before, after) { " (" (points) ")" } }
        }
    }
}

/// Sizes and errors side by side, as bars and as a table.
fn comparison(outcome: &Outcome, baseline: Option<Baseline>) -> Markup {
    let before = [("/float_error", outcome.float_error), ("/float_validation_error", outcome.float_validation_error)];
    let after = [("/compressed_error", outcome.compressed_error), ("/validation_error", outcome.validation_error)];
    let row = |name: &str, bytes: Markup, ratio: Markup, [test, validation]: [(&str, f64); 2]| {
        html! { tr {
            th scope="row" { (name) } td { (bytes) } td { (ratio) }
            td { (percent(test.0, test.1)) } td { (percent(validation.0, validation.1)) }
        } }
    };
    let contents = html! {
        thead { tr {
            th scope="col" { "network" } th scope="col" { "bytes" } th scope="col" { "times smaller" }
            th scope="col" { "test error" } th scope="col" { "validation error" }
        } }
        tbody {
            (row("32-bit floats", count("/original_bytes", outcome.original_bytes), html! { "1" }, before))
            @if let Some(Baseline { bytes, error }) = baseline {
                (row("8-bit rounding and zstd", count("/details/baseline/bytes", bytes),
                    html! { (ratio_text(outcome.original_bytes as f64 / bytes.max(1) as f64)) },
                    [("/details/baseline/error", error), ("", f64::NAN)]))
            }
            (row("this file", count("/file_bytes", outcome.file_bytes),
                keyed("/ratio", outcome.ratio, &ratio_text(outcome.ratio)), after))
        }
    };
    let note = "32-bit floats: four bytes a parameter. 8-bit rounding: each weight to the nearest of 255 even steps, one scale a tensor, \
                all else as 32-bit floats; one block of Zstandard at level 19, names and shapes not counted.";
    html! {
        (bars(outcome, baseline))
        (table("Size and error, before and after", &contents))
        @if baseline.is_some() { p class="note" { (note) } }
    }
}

/// A bar for each size, from zero.
fn bars(outcome: &Outcome, baseline: Option<Baseline>) -> Markup {
    let mut rows = vec![("32-bit floats", outcome.original_bytes, "f-before")];
    rows.extend(baseline.map(|baseline| ("8-bit rounding and zstd", baseline.bytes, "f1")));
    rows.push(("this file", outcome.file_bytes, "f-after"));
    let most = rows.iter().map(|row| row.1).max().unwrap_or(1);
    let scale = Scale::linear(0.0, most.max(1) as f64, (4.0, WIDTH - 4.0));
    let body = rows.iter().enumerate().map(|(at, (name, bytes, class))| {
        let y = 42.0 * at as f64;
        // A size that is hardly to be seen is still drawn.
        let width = (scale.at(*bytes as f64) - 4.0).max(1.5);
        html! {
            text x="4" y=(y + 16.0) { (name) }
            text class="end" x=(WIDTH - 4.0) y=(y + 16.0) { (size(*bytes)) }
            rect class="track" x="4" y=(y + 23.0) width=(WIDTH - 8.0) height="12" {}
            rect class=(class) x="4" y=(y + 23.0) width=(format!("{width:.1}")) height="12" {}
        }
    });
    let description = rows.iter().map(|(name, bytes, _)| format!("{name}: {}", size(*bytes))).collect::<Vec<_>>();
    let height = 42.0 * rows.len() as f64;
    let description = description.join("; ");
    Figure { id: "sizes", title: "Sizes", description: &description, height, legend: vec![], body: joined(body) }
        .markup()
}
