//! How to make the file again: command, recipe, definition.

use maud::{Markup, html};
use mixpress_compress::Outcome;

use super::PageOptions;
use super::keyed::keyed;
use crate::printable;

/// The section; of a network `outcome` has the seed.
pub(super) fn markup(outcome: Option<&Outcome>, options: &PageOptions<'_>) -> Markup {
    let details = options.details.filter(|_| outcome.is_some());
    if options.command.is_none() && details.is_none() {
        return html! {};
    }
    html! {
        section aria-labelledby="repeat" {
            h2 id="repeat" { "To repeat it" }
            @if let Some(command) = options.command {
                p {
                    "This command makes the file again"
                    @if command.ends_with(" DATA") || command.contains(" DATA ") { "; DATA stands for the training data, which the file does not name" }
                    ":"
                }
                pre tabindex="0" { code { (visible(command)) } }
            }
            @if let (Some(outcome), Some(details)) = (outcome, details) {
                h3 { "Seed and recipe" }
                p { "The seed is " (keyed("/seed", outcome.seed, &outcome.seed.to_string())) ". "
                    @match details.recipe.as_deref() {
                        None => "The file's recipe refers to other defaults than this version of mixpress has.",
                        Some("") => "All other settings are the defaults.",
                        Some(_) => "These settings differ from the defaults; as a TOML file they are a recipe, too:",
                    }
                }
                @if let Some(recipe) = details.recipe.as_deref().filter(|recipe| !recipe.is_empty()) {
                    pre tabindex="0" { code { (visible(recipe)) } }
                }
                @if let Some(definition) = &details.definition {
                    details {
                        summary { b { "The network" } span class="note" { "its definition, as a file network.toml would have it" } }
                        pre tabindex="0" { code { (visible(definition)) } }
                    }
                }
            }
        }
    }
}

/// Lines of somebody else, each printable.
fn visible(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}
