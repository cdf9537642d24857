//! Another program's model: what became of it, its outputs where it was run, its tensors.

use maud::{Markup, html};
use mixpress_compress::{ModelOutcome, OutputOutcome, TensorOutcome};

use super::keyed::{bytes, count, keyed, ratio_text, share};
use super::table;
use crate::printable;
use crate::table::shape;
use crate::units::times_smaller;

/// Below this, in dB, hardly anything of the weights is left.
const LEAST_DB: f64 = 3.0;

/// The title of the document.
pub(super) fn title(outcome: &ModelOutcome) -> String {
    let change = times_smaller(outcome.original_bytes, outcome.file_bytes, 1);
    format!("{}: {change}", printable(&outcome.source))
}

/// The headline.
pub(super) fn head(outcome: &ModelOutcome) -> Markup {
    let is_smaller = outcome.file_bytes < outcome.original_bytes;
    html! {
        h1 {
            (printable(&outcome.source))
            @if is_smaller { ": " (keyed("/ratio", outcome.ratio, &ratio_text(outcome.ratio))) " times smaller" }
        }
        p class="note" { "a model that was trained elsewhere" }
        div class="cards" {
            div class="card" {
                p class="what" { "Size" }
                p class="big" { (count("/file_bytes", outcome.file_bytes)) " bytes" }
                p { "before: " (count("/original_bytes", outcome.original_bytes)) " bytes" }
            }
            @if outcome.weights > 0 {
                div class="card" {
                    p class="what" { "Bits a weight, all bytes of the file counted" }
                    p class="big" { (keyed("/bits_per_weight", outcome.bits_per_weight, &format!("{:.3}", outcome.bits_per_weight))) }
                    p { (count("/weights", outcome.weights)) " weights compressed" }
                }
            }
            @if outcome.snr_db.is_finite() {
                div class="card" {
                    p class="what" { "Signal-to-noise ratio of the weights" }
                    p class="big" { (keyed("/snr_db", outcome.snr_db, &format!("{:.2} dB", outcome.snr_db))) }
                    @if outcome.snr_db < LEAST_DB { p { "Hardly anything of the weights is left." } }
                }
            }
        }
        @if !outcome.not_done.is_empty() {
            h3 { "Not done" }
            ul { @for sentence in &outcome.not_done { li { (printable(sentence)) } } }
        }
    }
}

/// How far outputs are from the original's; nothing where the models were not run.
pub(super) fn outputs(outcome: &ModelOutcome) -> Markup {
    if outcome.outputs.is_empty() {
        return html! {};
    }
    let contents = html! {
        thead { tr {
            th scope="col" { "output" } th scope="col" { "relative error" } th scope="col" { "cosine similarity" }
            th scope="col" { "largest difference" } th scope="col" { "same first place" } th scope="col" { "equal" }
        } }
        tbody { @for output in &outcome.outputs { (output_row(output)) } }
    };
    html! {
        section aria-labelledby="outputs" {
            h2 id="outputs" { "Outputs" }
            p { "Both models were run on the same inputs; this is how far the compressed one's outputs are from the original's." }
            (table("Outputs beside the original's", &contents))
        }
    }
}

fn output_row(output: &OutputOutcome) -> Markup {
    let share = |of: Option<f64>| of.map_or("\u{2013}".to_owned(), |share| format!("{:.2}\u{a0}%", 100.0 * share));
    html! { tr {
        th scope="row" { (printable(&output.name)) } td { (format!("{:.2e}", output.relative)) }
        td { (format!("{:.6}", output.cosine)) } td { (format!("{:.2e}", output.largest)) }
        td { (share(output.top1)) } td { (share(output.equal)) }
    } }
}

/// The table of tensors.
pub(super) fn tensors(outcome: &ModelOutcome) -> Markup {
    let total = outcome.file_bytes as f64;
    let contents = html! {
        thead { tr {
            th scope="col" { "tensor" } th scope="col" class="words" { "type" } th scope="col" { "shape" } th scope="col" { "weights" }
            th scope="col" { "levels" } th scope="col" { "bits a weight" } th scope="col" { "dB" } th scope="col" { "bytes" }
            th scope="col" { "share of the file" } th scope="col" class="words" { "coded as" }
        } }
        tbody {
            @for (at, tensor) in outcome.tensors.iter().enumerate() { (row(at, tensor, total)) }
            tr {
                th scope="row" { "rest of the file" } td {} td {} td {} td {} td {} td {}
                td { (bytes("/overhead_bytes", outcome.overhead_bytes)) } td { (share(outcome.overhead_bytes, total)) } td {}
            }
        }
    };
    html! {
        section aria-labelledby="tensors" {
            h2 id="tensors" { "Tensors" }
            p { "A tensor without levels is trellis-coded or kept exactly." }
            (table("Tensors of the file", &contents))
        }
    }
}

fn row(at: usize, tensor: &TensorOutcome, total: f64) -> Markup {
    let key = |field: &str| format!("/tensors/{at}/{field}");
    let axes: Vec<usize> = tensor.shape.iter().map(|&length| length as usize).collect();
    let ratio = tensor.snr_db;
    html! { tr {
        th scope="row" { (printable(&tensor.name)) } td class="words" { (printable(&tensor.dtype)) } td { (shape(&axes)) }
        td { (count(&key("weights"), tensor.weights)) }
        td { @if tensor.levels == 0 { "\u{2013}" } @else { (count(&key("levels"), tensor.levels as u64)) } }
        td { (keyed(&key("bits"), tensor.bits, &format!("{:.3}", tensor.bits))) }
        td { @if ratio.is_finite() { (keyed(&key("snr_db"), ratio, &format!("{ratio:.1}").replace('-', "\u{2212}"))) } @else { "\u{2013}" } }
        td { (bytes(&key("bytes"), tensor.bytes)) } td { (share(tensor.bytes, total)) }
        td class="words" { (printable(&tensor.treatment)) @if let Some(reason) = &tensor.reason { ": " (printable(reason)) } }
    } }
}
