//! A page about a compression: one HTML file that opens from disk and fetches nothing, without any script that runs.
//!
//! Names that come from files are hostile until they are escaped. That is the template's work (`maud` escapes whatever
//! is not marked as markup already); only the style sheet and the JSON go in as they are, and JSON with its `<` and `>`
//! escaped.

mod bytes;
mod classes;
mod figure;
mod frontier;
mod head;
mod keyed;
mod layers;
mod model;
mod repeat;
mod scale;
mod training;
mod weights;

use std::borrow::Cow;
use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use mixpress_compress::{Details, ModelOutcome, Outcome};
use serde::Serialize;

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded, from nowhere; the style stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// What a page may show beyond an outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageOptions<'a> {
    /// What the run or the file knows beyond the outcome: histograms, codebooks, sizes of parts.
    pub details: Option<&'a Details>,
    /// The compressed file.
    pub file: Option<&'a Path>,
    /// The command that makes the file again.
    pub command: Option<&'a str>,
}

/// The page about an outcome, of a run or of a file alone, as one HTML file. What is not known is left out.
///
/// The page holds its numbers as JSON, too: the element `outcome` has the object that [`json`](crate::json) writes,
/// with `details` and `command` beside it. Where the text shows one of them, an attribute `data-key` is its JSON
/// pointer and `data-value` its value.
///
/// ```
/// use mixpress_report::{PageOptions, page};
///
/// # let outcome: mixpress_report::Outcome = serde_json::from_str(r#"{"network":"net<1>","data":"digits","seed":0,
/// #   "float_error":2.5,"compressed_error":2.8,"float_validation_error":2.0,"validation_error":2.2,"original_bytes":68904,
/// #   "file_bytes":1723,"ratio":39.99,"sparsity":0.9,"seconds":3.0,"layers":[],"overhead_bytes":60.0,"history":[]}"#).unwrap();
/// let html = page(&outcome, &PageOptions::default());
/// assert!(html.contains(r#"<span data-key="/file_bytes" data-value="1723">1,723</span>"#));
/// assert!(html.contains("net&lt;1&gt;") && !html.contains("net<1>"));
/// ```
#[must_use]
pub fn page(outcome: &Outcome, options: &PageOptions<'_>) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        #[serde(flatten)]
        outcome: &'a Outcome,
        #[serde(flatten)]
        beside: Beside<'a>,
    }
    let details = options.details;
    let title = head::title(outcome);
    let sections = [
        head::markup(outcome, details),
        layers::markup(outcome),
        weights::markup(outcome, details),
        training::markup(outcome, details),
        classes::markup(details),
        frontier::markup(outcome),
        bytes::markup(details),
        repeat::markup(Some(outcome), options),
    ];
    document(&title, &sections, &Data { outcome, beside: Beside::of(options) })
}

/// The page about another program's model, as [`page`]. Of the details the sizes of the file's parts are shown.
#[must_use]
pub fn model_page(outcome: &ModelOutcome, options: &PageOptions<'_>) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        #[serde(flatten)]
        outcome: &'a ModelOutcome,
        #[serde(flatten)]
        beside: Beside<'a>,
    }
    let title = model::title(outcome);
    let sections = [
        model::head(outcome),
        model::outputs(outcome),
        model::tensors(outcome),
        bytes::markup(options.details),
        repeat::markup(None, options),
    ];
    document(&title, &sections, &Data { outcome, beside: Beside::of(options) })
}

/// What the JSON has beside the outcome.
#[derive(Serialize)]
struct Beside<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Details>,
}

impl<'a> Beside<'a> {
    fn of(options: &PageOptions<'a>) -> Self {
        Self { file: options.file.map(Path::to_string_lossy), command: options.command, details: options.details }
    }
}

/// The document around the sections, of which the first is its head.
fn document(title: &str, sections: &[Markup], data: &impl Serialize) -> String {
    let [head, rest @ ..] = sections else { return String::new() };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(concat!("mixpress ", env!("CARGO_PKG_VERSION")));
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head) }
                main { @for section in rest { (section) } }
                footer {
                    p { "Made by mixpress " (env!("CARGO_PKG_VERSION")) ". Every number stands in this file as JSON, too, in the element "
                        code { "outcome" } "." }
                }
                script type="application/json" id="outcome" { (embedded(data)) }
            }
        }
    };
    markup.into_string() + "\n"
}

/// JSON as it may stand in a script element: without what could end the element, or begin a comment or another script.
fn embedded(data: &impl Serialize) -> PreEscaped<String> {
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    PreEscaped(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// A table that scrolls by itself where it is wider than the page; it can be reached and scrolled by keyboard.
fn table(label: &str, contents: &Markup) -> Markup {
    html! { div class="scroll" tabindex="0" role="region" aria-label=(label) { table { caption { span { (label) } } (contents) } } }
}

#[cfg(test)]
mod tests;
