//! Figures in the text that say which number of the page's JSON they are, so that a program can compare them.

use maud::{Markup, html};
use serde::Serialize;

/// A figure: `text` on the page, and the JSON pointer (RFC 6901) and value of the number that it shows. A number that
/// is not known has neither.
pub(super) fn keyed(key: &str, value: impl Serialize, text: &str) -> Markup {
    match serde_json::to_string(&value) {
        Ok(value) if value != "null" => html! { span data-key=(key) data-value=(value) { (text) } },
        _ => html! { (text) },
    }
}

/// A count with its thousands apart.
pub(super) fn count(key: &str, value: u64) -> Markup {
    keyed(key, value, &crate::grouped(value))
}

/// Bytes that may be fractions of bytes: whole from a hundred on.
pub(super) fn bytes(key: &str, value: f64) -> Markup {
    keyed(key, value, &bytes_text(value))
}

/// Bytes as text.
pub(super) fn bytes_text(value: f64) -> String {
    match value {
        _ if value.abs() < 0.05 => "0".to_owned(),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => crate::grouped(value.round() as u64),
    }
}

/// A percentage; a dash where it is not known.
pub(super) fn percent(key: &str, value: f64) -> Markup {
    if value.is_nan() {
        html! { "\u{2013}" }
    } else {
        keyed(key, value, &format!("{value:.2}\u{a0}%"))
    }
}

/// A difference of percentages, with its sign.
pub(super) fn points(before: f64, after: f64) -> Option<String> {
    let difference = after - before;
    difference.is_finite().then(|| format!("{difference:+.2} points").replace('-', "\u{2212}"))
}

/// A ratio of sizes, with as many digits as matter.
pub(super) fn ratio_text(ratio: f64) -> String {
    if ratio < 100.0 { format!("{ratio:.1}") } else { crate::grouped(ratio.round() as u64) }
}

/// The share of a whole, as text.
pub(super) fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { crate::units::percent((part / whole).clamp(0.0, 1.0)) } else { "\u{2013}".to_owned() }
}
