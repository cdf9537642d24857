//! What all figures share: a drawing with a name and a description, its axes, its legend.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::scale::Scale;

/// Width of every drawing in its own units: about that of a phone, so that text has its size there.
pub(super) const WIDTH: f64 = 420.0;
/// Height of a drawing with axes.
pub(super) const HEIGHT: f64 = 250.0;
/// Left and right end of the horizontal axis.
pub(super) const ACROSS: (f64, f64) = (58.0, 400.0);
/// Bottom and top of the vertical axis.
pub(super) const UP: (f64, f64) = (204.0, 28.0);

/// A drawing, as a browser and somebody who cannot see it need it.
pub(super) struct Figure<'a> {
    /// Its name on the page, for references.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// What is to be seen.
    pub description: &'a str,
    /// Height of the drawing.
    pub height: f64,
    /// The names of what is drawn, each with a drawing of how.
    pub legend: Vec<(Markup, String)>,
    /// The drawing.
    pub body: Markup,
}

impl Figure<'_> {
    /// The figure with its title above it.
    pub fn markup(self) -> Markup {
        let Self { id, title, description, height, legend, body } = self;
        html! {
            figure {
                figcaption {
                    b { (title) }
                    @if !legend.is_empty() {
                        ul class="legend" {
                            @for (sample, name) in &legend {
                                li { svg viewBox="0 0 26 10" aria-hidden="true" { (sample) } (name) }
                            }
                        }
                    }
                }
                svg id=(id) viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
                    aria-labelledby=(format!("{id}-title {id}-desc")) {
                    title id=(format!("{id}-title")) { (title) }
                    desc id=(format!("{id}-desc")) { (description) }
                    (body)
                }
            }
        }
    }
}

/// Two axes.
pub(super) struct Plot<'a> {
    pub x: Scale,
    pub y: Scale,
    /// What the axes are, with units.
    pub x_name: &'a str,
    pub y_name: &'a str,
}

impl Plot<'_> {
    /// The axes with their ticks and names.
    pub fn axes(&self) -> Markup {
        let bottom = UP.0;
        html! {
            (self.axes_without_x_ticks())
            @for tick in self.x.ticks(6.0) {
                path class="axis" d=(format!("M{:.1} {bottom}v5", tick.at)) {}
                text class="note middle" x=(format!("{:.1}", tick.at)) y=(bottom + 19.0) { (tick.label) }
            }
        }
    }

    /// The axes where what stands along the horizontal one has names of its own.
    pub fn axes_without_x_ticks(&self) -> Markup {
        let ((left, right), (bottom, top)) = (ACROSS, UP);
        html! {
            text class="note" x="4" y="13" { (self.y_name) }
            @for tick in self.y.ticks(5.0) {
                path class="grid" d=(format!("M{left} {:.1}H{right}", tick.at)) {}
                text class="note end" x=(left - 6.0) y=(format!("{:.1}", tick.at + 4.5)) { (tick.label) }
            }
            path class="axis" d=(format!("M{left} {top}V{bottom}H{right}")) {}
            text class="note middle" x=(f64::midpoint(left, right)) y=(HEIGHT - 6.0) { (self.x_name) }
        }
    }

    /// A line through the points, broken where a value is missing. Few points are marked, so that one alone is seen.
    pub fn line(&self, class: &str, points: &[(f64, Option<f64>)]) -> Markup {
        let mut path = String::new();
        let mut is_down = false;
        for &(x, y) in points {
            let Some(y) = y.filter(|y| y.is_finite()) else {
                is_down = false;
                continue;
            };
            let command = if is_down { 'L' } else { 'M' };
            let _ = write!(path, "{command}{:.1} {:.1}", self.x.at(x), self.y.at(y));
            is_down = true;
        }
        let known = points.iter().filter_map(|&(x, y)| Some((x, y.filter(|y| y.is_finite())?)));
        let marked: Vec<(f64, f64)> = if points.len() <= 24 { known.collect() } else { Vec::new() };
        html! {
            @if !path.is_empty() { path class=(format!("l {class}")) d=(path) {} }
            @for (x, y) in marked {
                circle class=(format!("l hollow {class}")) cx=(format!("{:.1}", self.x.at(x)))
                    cy=(format!("{:.1}", self.y.at(y))) r="2.5" {}
            }
        }
    }
}

/// How a line looks in a legend.
pub(super) fn line_sample(class: &str) -> Markup {
    html! { path class=(format!("l {class}")) d="M1 5H25" {} }
}

/// How an area or a bar looks in a legend.
pub(super) fn area_sample(class: &str) -> Markup {
    html! { rect class=(class) x="6" y="0" width="14" height="10" {} }
}

/// The class of the line of one of many series: neighbours differ in colour and in dashes, twelve in one of them.
pub(super) fn series(number: usize) -> String {
    format!("l{} d{}", number % 6, number % 4)
}

/// A name that has room for `most` characters.
pub(super) fn shortened(name: &str, most: usize) -> String {
    let name = crate::printable(name);
    if name.chars().count() <= most {
        return name.into_owned();
    }
    let start: String = name.chars().take(most / 2 - 1).collect();
    let end: Vec<char> = name.chars().rev().take(most / 2).collect();
    start + "\u{2026}" + &end.into_iter().rev().collect::<String>()
}

/// Drawings, one after the other.
pub(super) fn joined(parts: impl IntoIterator<Item = Markup>) -> Markup {
    PreEscaped(parts.into_iter().map(|part| part.0).collect())
}
