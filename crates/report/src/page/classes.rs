//! Test errors by class, before and after.

use maud::{Markup, html};
use mixpress_compress::{ClassErrors, Details};

use super::figure::{ACROSS, Figure, HEIGHT, Plot, UP, area_sample, joined};
use super::keyed::count;
use super::scale::Scale;
use super::table;

/// More classes than this have no room for their bars.
const MOST_DRAWN: usize = 40;

/// The section; nothing where the test set was not read.
pub(super) fn markup(details: Option<&Details>) -> Markup {
    let classes = details.map_or(&[][..], |details| &details.classes);
    if classes.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="classes" {
            h2 id="classes" { "Error by class" }
            p { "Each class of the test set: how much of it the float network gets wrong, and how much the network read back from the file." }
            @if classes.len() <= MOST_DRAWN { div class="figures" { (bars(classes)) } }
            (numbers(classes))
        }
    }
}

fn error(wrong: usize, samples: usize) -> f64 {
    100.0 * wrong as f64 / samples.max(1) as f64
}

fn bars(classes: &[ClassErrors]) -> Markup {
    let errors =
        |class: &ClassErrors| [class.float_wrong, class.compressed_wrong].map(|wrong| error(wrong, class.samples));
    let most = classes.iter().flat_map(errors).fold(0.0, f64::max);
    let slot = (ACROSS.1 - ACROSS.0) / classes.len() as f64;
    let plot = Plot {
        x: Scale::linear(0.0, classes.len() as f64, ACROSS),
        y: Scale::linear(0.0, if most > 0.0 { 1.08 * most } else { 1.0 }, UP),
        x_name: "class",
        y_name: "error, % of the class",
    };
    let width = (0.38 * slot).min(16.0);
    let every = (classes.len() / 20 + 1).max(1);
    let bottom = UP.0;
    let drawn = classes.iter().enumerate().map(|(number, class)| {
        let middle = plot.x.at(number as f64 + 0.5);
        let [before, after] = errors(class).map(|error| plot.y.at(error));
        html! {
            rect class="f-before" x=(format!("{:.1}", middle - width)) y=(format!("{before:.1}"))
                width=(format!("{width:.1}")) height=(format!("{:.1}", bottom - before)) {}
            rect class="f-after" x=(format!("{middle:.1}")) y=(format!("{after:.1}"))
                width=(format!("{width:.1}")) height=(format!("{:.1}", bottom - after)) {}
            @if number % every == 0 {
                text class="note middle" x=(format!("{middle:.1}")) y=(bottom + 19.0) { (number) }
            }
        }
    });
    let body = html! { (plot.axes_without_x_ticks()) (joined(drawn)) };
    let description = format!(
        "Two bars for each of {} classes, the left one before and the right one after; at most {most:.1} %.",
        classes.len()
    );
    let legend = vec![
        (area_sample("f-before"), "float network (left)".to_owned()),
        (area_sample("f-after"), "from the file (right)".to_owned()),
    ];
    Figure { id: "class-errors", title: "Test error by class", description: &description, height: HEIGHT, legend, body }
        .markup()
}

fn numbers(classes: &[ClassErrors]) -> Markup {
    let key = |at: usize, field: &str| format!("/details/classes/{at}/{field}");
    let contents = html! {
        thead { tr {
            th scope="col" { "class" } th scope="col" { "samples" } th scope="col" { "wrong before" } th scope="col" { "wrong after" }
            th scope="col" { "error before" } th scope="col" { "error after" }
        } }
        tbody { @for (at, class) in classes.iter().enumerate() { tr {
            th scope="row" { (at) } td { (count(&key(at, "samples"), class.samples as u64)) }
            td { (count(&key(at, "float_wrong"), class.float_wrong as u64)) }
            td { (count(&key(at, "compressed_wrong"), class.compressed_wrong as u64)) }
            td { (format!("{:.2}\u{a0}%", error(class.float_wrong, class.samples))) }
            td { (format!("{:.2}\u{a0}%", error(class.compressed_wrong, class.samples))) }
        } } }
    };
    table("Test errors by class", &contents)
}
