//! `mixpress inspect`: what a file holds.

use std::path::Path;

use anyhow::Context;
use mixpress::compress::{Description, Origin, Outcome};
use mixpress::report::{self, Report};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::failure::Failure;
use crate::kinds::{Wanted, explained};
use crate::output;

/// What `--json` prints of a network that was trained here.
#[derive(Serialize)]
struct Inspection<'a> {
    #[serde(flatten)]
    report: Report<'a>,
    /// The settings that differ from the defaults, as TOML.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
}

/// Runs the command.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let described = Description::of_path(&args.file);
    let what = || format!("cannot inspect {}", args.file.display());
    let described = described.map_err(|error| explained(error, &args.file, Wanted::Mxp, what))?;
    let text = match &described {
        Description::Network(outcome) if args.json => json(outcome, &args.file)?,
        Description::Network(outcome) => report::inspection(outcome) + &recipe(&args.file),
        Description::Model(outcome) if args.json => report::model_json(outcome, Some(&args.file)) + "\n",
        Description::Model(outcome) => report::model_table(outcome),
    };
    Ok(output::write(&text)?)
}

/// The figures of a file and what its recipe says beyond the defaults, as JSON.
fn json(outcome: &Outcome, file: &Path) -> anyhow::Result<String> {
    let recipe = Origin::of_path(file).ok().map(|origin| origin.recipe.differences());
    let report = Report { outcome, file: Some(file.to_string_lossy()) };
    let inspection = Inspection { report, recipe: recipe.filter(|recipe| !recipe.is_empty()) };
    Ok(serde_json::to_string(&inspection).context("cannot print as JSON")? + "\n")
}

/// A line on the recipe of the run that made a file, and how it is repeated, or why it cannot be.
fn recipe(file: &Path) -> String {
    match Origin::of_path(file) {
        Ok(origin) => {
            let differences = origin.recipe.differences();
            let settings: Vec<&str> = differences.lines().collect();
            let settings = if settings.is_empty() { "all defaults".to_owned() } else { settings.join(", ") };
            format!("recipe: {settings}; compress --recipe {} --data DATA repeats it\n", file.display())
        }
        Err(error) => format!("recipe: {error}\n"),
    }
}
