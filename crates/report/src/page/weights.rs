//! A layer's weights before and after, the mixture drawn over them, and the codebook that is left.

use std::fmt::Write;

use maud::{Markup, html};
use mixpress_compress::{CodebookValue, Details, LayerDetails, Outcome};

use super::figure::{ACROSS, Figure, HEIGHT, Plot, UP, area_sample, joined, line_sample};
use super::keyed::{count, keyed};
use super::scale::Scale;
use super::table;
use crate::printable;
use crate::table::shape;

/// More values of a codebook than this are not listed.
const MOST_LISTED: usize = 64;

/// Where an axis of counts begins, so that one weight is seen.
const LEAST: f64 = 0.6;

/// The section; nothing where no codebook is known.
pub(super) fn markup(outcome: &Outcome, details: Option<&Details>) -> Markup {
    let Some(details) = details.filter(|details| details.codebooks.iter().any(|codebook| !codebook.is_empty())) else {
        return html! {};
    };
    let has_histograms = !details.layers.is_empty();
    let first = details.codebooks.iter().position(|codebook| !codebook.is_empty());
    html! {
        section aria-labelledby="weights" {
            h2 id="weights" { "Weights" }
            p {
                "Every weight of the file is one of its tensor's few values. "
                @if has_histograms {
                    "The trained float network had weights of all sizes; joint training with the mixture gathered them, most at zero, "
                    "and what a component holds became one value. Counts stand on a logarithmic scale."
                }
            }
            @for (at, (layer, codebook)) in outcome.layers.iter().zip(&details.codebooks).enumerate() {
                @if !codebook.is_empty() {
                    @let histogram = details.layers.iter().position(|histogram| histogram.name == layer.name);
                    details open[Some(at) == first] {
                        summary {
                            b { (printable(&layer.name)) }
                            span class="note" {
                                (shape(&layer.shape)) ", "
                                (count(&format!("/layers/{at}/components"), layer.components as u64)) " values"
                            }
                        }
                        (one(at, histogram.map(|at| (at, &details.layers[at])), codebook))
                    }
                }
            }
        }
    }
}

/// What is known of one tensor.
fn one(at: usize, histogram: Option<(usize, &LayerDetails)>, codebook: &[CodebookValue]) -> Markup {
    html! {
        div class="figures" {
            @if let Some((_, layer)) = histogram { (histograms(at, layer)) }
            (spikes(at, histogram.map(|(_, layer)| layer), codebook))
        }
        @if codebook.len() <= MOST_LISTED { (values(at, codebook)) }
        @if let Some((number, layer)) = histogram { (components(number, layer)) }
    }
}

/// The float network's weights as an area, those after joint training and what the mixture expects as lines.
fn histograms(at: usize, layer: &LayerDetails) -> Markup {
    let half = (layer.before.len().saturating_sub(1) / 2) as f64;
    let middle = |bin: usize| (bin as f64 - half) * layer.bin_width;
    let end = (half + 0.5) * layer.bin_width;
    let counts = layer.before.iter().chain(&layer.joint).map(|&count| count as f64);
    let most = counts.chain(layer.expected.iter().copied()).fold(1.0, f64::max);
    let plot = Plot {
        x: Scale::linear(-end, end, ACROSS),
        y: Scale::log(LEAST, 1.5 * most, UP),
        x_name: "value of a weight",
        y_name: "weights a bin",
    };
    let outline = |counts: &[usize]| {
        let mut path = format!("M{:.1} {:.1}", plot.x.at(-end), UP.0);
        for (bin, &count) in counts.iter().enumerate() {
            let (left, right) = (middle(bin) - 0.5 * layer.bin_width, middle(bin) + 0.5 * layer.bin_width);
            let y = plot.y.at((count as f64).max(LEAST));
            let _ = write!(path, "L{:.1} {y:.1}H{:.1}", plot.x.at(left), plot.x.at(right));
        }
        let _ = write!(path, "L{:.1} {:.1}", plot.x.at(end), UP.0);
        path
    };
    // Where the mixture expects hardly any weight it has no line, but for the line's ends.
    let is_expected = |bin: usize| layer.expected.get(bin).is_some_and(|&weights| weights >= LEAST);
    let is_drawn = |bin: usize| is_expected(bin) || is_expected(bin + 1) || bin > 0 && is_expected(bin - 1);
    let expected: Vec<(f64, Option<f64>)> = (layer.expected.iter().enumerate())
        .map(|(bin, &weights)| (middle(bin), is_drawn(bin).then_some(weights.max(LEAST))))
        .collect();
    let body = html! {
        (plot.axes())
        path class="area" d=(outline(&layer.before)) {}
        path class="l after" d=(outline(&layer.joint)) {}
        (plot.line("mixture", &expected))
    };
    let weights: usize = layer.before.iter().sum();
    let zeros = layer.joint.get(layer.joint.len() / 2).copied().unwrap_or(0);
    let description = format!(
        "Histograms of {} weights of {}. The float network's are spread around zero. After joint training {} lie in the bin at zero; \
         the mixture of {} components follows them.",
        crate::grouped(weights as u64),
        printable(&layer.name),
        crate::grouped(zeros as u64),
        layer.components.len()
    );
    let legend = vec![
        (area_sample("area"), "before, float network".to_owned()),
        (line_sample("after"), "after joint training".to_owned()),
        (line_sample("mixture"), "the mixture".to_owned()),
    ];
    let id = format!("weights-{at}");
    let title = "Before and after, and the mixture";
    Figure { id: &id, title, description: &description, height: HEIGHT, legend, body }.markup()
}

/// A line up for each value of the codebook.
fn spikes(at: usize, layer: Option<&LayerDetails>, codebook: &[CodebookValue]) -> Markup {
    let largest = codebook.iter().fold(0.0, |largest: f64, value| largest.max(f64::from(value.value).abs()));
    let own = if largest > 0.0 { 1.08 * largest } else { 1.0 };
    // The same axis as the histogram's beside it, so that values and components are seen to be the same.
    let end = layer.map_or(own, |layer| (0.5 * layer.before.len() as f64 * layer.bin_width).max(own));
    let most = codebook.iter().map(|value| value.count).max().unwrap_or(1);
    let plot = Plot {
        x: Scale::linear(-end, end, ACROSS),
        y: Scale::log(LEAST, 1.5 * most as f64, UP),
        x_name: "value in the file",
        y_name: "weights a value",
    };
    let spike = |value: &CodebookValue| {
        let (x, y) = (plot.x.at(value.value.into()), plot.y.at(value.count as f64));
        html! {
            path class="spike" d=(format!("M{x:.1} {:.1}V{y:.1}", UP.0)) {}
            circle class="f-after" cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="4" {}
        }
    };
    let body = html! { (plot.axes()) (joined(codebook.iter().map(spike))) };
    let zeros = codebook.iter().find(|value| value.value == 0.0).map_or(0, |value| value.count);
    let description = format!(
        "{} values, from {} to {}; {} weights are zero.",
        codebook.len(),
        codebook.first().map_or(0.0, |value| value.value),
        codebook.last().map_or(0.0, |value| value.value),
        crate::grouped(zeros as u64)
    );
    let id = format!("codebook-{at}");
    Figure {
        id: &id,
        title: "The codebook in the file",
        description: &description,
        height: HEIGHT,
        legend: vec![],
        body,
    }
    .markup()
}

/// The values and their counts.
fn values(at: usize, codebook: &[CodebookValue]) -> Markup {
    let key = |place: usize, field: &str| format!("/details/codebooks/{at}/{place}/{field}");
    let contents = html! {
        tbody {
            tr { th scope="row" { "value" }
                @for (place, one) in codebook.iter().enumerate() { td { (keyed(&key(place, "value"), one.value, &number(one.value.into()))) } } }
            tr { th scope="row" { "weights" }
                @for (place, one) in codebook.iter().enumerate() { td { (count(&key(place, "count"), one.count as u64)) } } }
        }
    };
    table("Values of the codebook", &contents)
}

/// The mixture's components.
fn components(number_of_layer: usize, layer: &LayerDetails) -> Markup {
    let key = |place: usize, field: &str| format!("/details/layers/{number_of_layer}/components/{place}/{field}");
    let cell =
        |place: usize, field: &str, value: f64| html! { td { (keyed(&key(place, field), value, &number(value))) } };
    let contents = html! {
        tbody {
            tr { th scope="row" { "mean" } @for (place, one) in layer.components.iter().enumerate() { (cell(place, "mean", one.mean)) } }
            tr { th scope="row" { "standard deviation" }
                @for (place, one) in layer.components.iter().enumerate() { (cell(place, "std_dev", one.std_dev)) } }
            tr { th scope="row" { "proportion" }
                @for (place, one) in layer.components.iter().enumerate() { (cell(place, "proportion", one.proportion)) } }
        }
    };
    table("Components of the mixture at the end of joint training", &contents)
}

/// A value with four digits that matter.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}").replace('-', "\u{2212}")
}
