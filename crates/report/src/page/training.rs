//! The course of the training: task loss, prior, validation error, weights that are left, live components, round by round.

use std::ops::RangeInclusive;

use maud::{Markup, html};
use mixpress_compress::{Details, Outcome};

use super::figure::{ACROSS, Figure, HEIGHT, Plot, UP, joined, line_sample, series, shortened};
use super::scale::Scale;

/// Rounds of a phase: its title, its first and its last, counted from 1.
struct Phase {
    title: &'static str,
    rounds: RangeInclusive<usize>,
}

/// One curve: its name, its class, its value at the end of each round.
struct Curve {
    name: String,
    class: String,
    values: Vec<Option<f64>>,
}

/// The section; nothing where nobody watched.
pub(super) fn markup(outcome: &Outcome, details: Option<&Details>) -> Markup {
    if outcome.history.is_empty() {
        return html! {};
    }
    let history = &outcome.history;
    let phases = phases(outcome);
    let curve =
        |name: &str, class: &str, values: Vec<Option<f64>>| Curve { name: name.into(), class: class.into(), values };
    let loss = history.iter().map(|round| Some(round.loss)).collect();
    let prior = history.iter().map(|round| round.prior).collect();
    let error = history.iter().map(|round| Some(round.validation_error)).collect();
    let left = history.iter().map(|round| Some(round.nonzero as f64)).collect();
    let objective = [curve("task loss", "after", loss), curve("prior", "mixture", prior)];
    let figures = [
        draw("curve-loss", "Task loss and prior", "nats a sample", &objective, &phases),
        draw("curve-error", "Validation error", "%", &[curve("validation error", "after", error)], &phases),
        draw("curve-weights", "Weights that are not zero", "weights", &[curve("weights", "after", left)], &phases),
        draw(
            "curve-components",
            "Live components, layer by layer",
            "components",
            &components(outcome, details),
            &phases,
        ),
    ];
    html! {
        section aria-labelledby="training" {
            h2 id="training" { "Training" }
            p {
                "Each point is the end of a round of training. "
                @for (at, phase) in phases.iter().enumerate() {
                    @if at > 0 { ", " } b { (letter(at)) } " is " (phase.title)
                }
                ". The prior is what the weights under it cost beyond as many zeros; phases without one have no such line."
            }
            div class="figures" { (joined(figures)) }
        }
    }
}

/// The phases in the order in which they ran.
fn phases(outcome: &Outcome) -> Vec<Phase> {
    let runs = outcome.history.chunk_by(|a, b| a.phase == b.phase);
    let mut before = 0;
    let phase = |run: &[_]| {
        let rounds = before + 1..=before + run.len();
        before += run.len();
        rounds
    };
    let titles = outcome.history.chunk_by(|a, b| a.phase == b.phase).map(|run| run[0].phase.title());
    titles.zip(runs.map(phase)).map(|(title, rounds)| Phase { title, rounds }).collect()
}

/// What stands for a phase in a drawing.
fn letter(phase: usize) -> char {
    (b'A'..=b'Z').nth(phase).map_or('+', char::from)
}

/// A curve for each layer under the prior.
fn components(outcome: &Outcome, details: Option<&Details>) -> Vec<Curve> {
    let layers = outcome.history.iter().map(|round| round.components.len()).max().unwrap_or(0);
    let name = |layer: usize| {
        let named = details.and_then(|details| details.layers.get(layer));
        named.map_or_else(|| format!("layer {}", layer + 1), |named| shortened(&named.name, 28))
    };
    let values = |layer: usize| {
        let rounds = outcome.history.iter();
        rounds.map(|round| round.components.get(layer).map(|&count| count as f64)).collect()
    };
    (0..layers).map(|layer| Curve { name: name(layer), class: series(layer), values: values(layer) }).collect()
}

/// Curves over all rounds, with lines between the phases.
fn draw(id: &str, title: &str, unit: &str, curves: &[Curve], phases: &[Phase]) -> Markup {
    let values = || curves.iter().flat_map(|curve| curve.values.iter().copied().flatten());
    if values().next().is_none() {
        return html! {};
    }
    let rounds = phases.last().map_or(1, |phase| *phase.rounds.end());
    let plot = Plot {
        x: Scale::linear(0.0, rounds as f64 + 0.5, ACROSS),
        y: Scale::suited(values(), UP),
        x_name: "rounds",
        y_name: unit,
    };
    let (bottom, top) = UP;
    let body = html! {
        (plot.axes())
        @for (at, phase) in phases.iter().enumerate() {
            @let (first, last) = (*phase.rounds.start() as f64, *phase.rounds.end() as f64);
            @if at > 0 { path class="phase" d=(format!("M{:.1} {bottom}V{top}", plot.x.at(first - 0.5))) {} }
            text class="note middle" x=(format!("{:.1}", plot.x.at(f64::midpoint(first, last)))) y=(top - 4.0) { (letter(at)) }
        }
        @for curve in curves {
            @let points: Vec<_> = (1..).map(f64::from).zip(curve.values.iter().copied()).collect();
            (plot.line(&curve.class, &points))
        }
    };
    let ends = curves.iter().filter_map(|curve| {
        let (first, last) =
            (curve.values.iter().copied().flatten().next()?, curve.values.iter().copied().flatten().last()?);
        Some(format!("{} from {} to {}", curve.name, short(first), short(last)))
    });
    let description = format!("Over {rounds} rounds: {} {unit}.", ends.collect::<Vec<_>>().join(", "));
    let is_one = curves.len() == 1;
    let legend =
        curves.iter().filter(|_| !is_one).map(|curve| (line_sample(&curve.class), curve.name.clone())).collect();
    Figure { id, title, description: &description, height: HEIGHT, legend, body }.markup()
}

/// A number in a sentence.
fn short(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { format!("{value:.3}") }
}
