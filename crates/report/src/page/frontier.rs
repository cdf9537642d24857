//! The files that a search made: size against error, and which was chosen.

use maud::{Markup, html};
use mixpress_compress::{FrontierPoint, Outcome};

use super::figure::{ACROSS, Figure, HEIGHT, Plot, UP, area_sample, joined, line_sample};
use super::keyed::{count, keyed, percent, ratio_text};
use super::scale::Scale;
use super::table;
use crate::search::verdict_of_search;

/// The section; nothing for a run of a fixed recipe.
pub(super) fn markup(outcome: &Outcome) -> Markup {
    if outcome.frontier.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="frontier" {
            h2 id="frontier" { "Size against error" }
            p {
                "Each point is a file that the search made, judged on the validation split. On the line are those that no other is at most "
                "as large and at most as wrong as."
            }
            @if let Some(verdict) = verdict_of_search(outcome) {
                p { "Budget: " (verdict) "." }
            }
            (drawn(&outcome.frontier))
            (numbers(&outcome.frontier))
        }
    }
}

fn drawn(points: &[FrontierPoint]) -> Markup {
    let sizes = || points.iter().map(|point| point.file_bytes.max(1) as f64);
    let (least, most) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(1.0, f64::max));
    let errors = || points.iter().map(|point| point.validation_error).filter(|error| error.is_finite());
    let (low, high) = (errors().fold(f64::INFINITY, f64::min), errors().fold(0.0, f64::max));
    let margin = (0.12 * (high - low)).max(0.02);
    let plot = Plot {
        x: Scale::log(least / 1.15, most * 1.15, ACROSS),
        y: Scale::linear((low - margin).max(0.0), high + margin, UP),
        x_name: "bytes of the file",
        y_name: "validation error, %",
    };
    let mut optimal: Vec<(f64, Option<f64>)> = points
        .iter()
        .filter(|point| point.is_optimal)
        .map(|point| (point.file_bytes as f64, Some(point.validation_error)))
        .collect();
    optimal.sort_by(|a, b| a.0.total_cmp(&b.0));
    let place = |point: &FrontierPoint| (plot.x.at(point.file_bytes as f64), plot.y.at(point.validation_error));
    let dot = |point: &FrontierPoint| {
        let (x, y) = place(point);
        let class = if point.is_within { "f-after" } else { "l after hollow" };
        html! { circle class=(class) cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="5" {} }
    };
    let chosen = points.iter().find(|point| point.is_chosen);
    let body = html! {
        (plot.axes())
        (plot.line("mixture", &optimal))
        (joined(points.iter().map(dot)))
        @if let Some((x, y)) = chosen.map(place) {
            @let side = if x > f64::midpoint(ACROSS.0, ACROSS.1) { "strong end" } else { "strong" };
            @let label = if side == "strong" { x + 14.0 } else { x - 14.0 };
            path class="l l1" d=(format!("M{x:.1} {:.1}l10 10l-10 10l-10 -10Z", y - 10.0)) {}
            text class=(side) x=(format!("{label:.1}")) y=(format!("{:.1}", y + 4.5)) { "chosen" }
        }
    };
    let description = format!(
        "{} files of {} to {} bytes with validation errors of {low:.2} to {high:.2} %.{}",
        points.len(),
        crate::grouped(least as u64),
        crate::grouped(most as u64),
        chosen.map_or(String::new(), |point| format!(
            " Chosen is the one of {} bytes at {:.2} %.",
            crate::grouped(point.file_bytes),
            point.validation_error
        ))
    );
    let ring = html! { circle class="l after hollow" cx="13" cy="5" r="4" {} };
    let diamond = html! { path class="l l1" d="M13 0l5 5l-5 5l-5 -5Z" {} };
    let legend = vec![
        (area_sample("f-after"), "within the budget".to_owned()),
        (ring, "beyond it".to_owned()),
        (line_sample("mixture"), "the best".to_owned()),
        (diamond, "chosen".to_owned()),
    ];
    let title = "Files of the search";
    html! {
        div class="figures" {
            (Figure { id: "files", title, description: &description, height: HEIGHT, legend, body }.markup())
        }
    }
}

fn numbers(points: &[FrontierPoint]) -> Markup {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let contents = html! {
        thead { tr {
            th scope="col" { "bytes" } th scope="col" { "times smaller" } th scope="col" { "strength" }
            th scope="col" { "validation error" } th scope="col" { "increase, points" } th scope="col" { "bound" }
            th scope="col" { "within the budget" } th scope="col" { "on the line" } th scope="col" { "chosen" }
        } }
        tbody { @for (at, point) in points.iter().enumerate() {
            @let key = |field: &str| format!("/frontier/{at}/{field}");
            tr class=[point.is_chosen.then_some("chosen")] {
                th scope="row" { (count(&key("file_bytes"), point.file_bytes)) }
                td { (keyed(&key("ratio"), point.ratio, &ratio_text(point.ratio))) }
                td { (keyed(&key("strength"), point.strength, &format!("{:.4}", point.strength))) }
                td { (percent(&key("validation_error"), point.validation_error)) }
                td { (keyed(&key("increase"), point.increase, &format!("{:.2}", point.increase))) }
                td { (keyed(&key("bound"), point.bound, &format!("{:.2}", point.bound))) }
                td { (yes(point.is_within)) } td { (yes(point.is_optimal)) } td { (yes(point.is_chosen)) }
            }
        } }
    };
    table("Files of the search", &contents)
}
