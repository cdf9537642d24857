//! `mixpress compress`: train, compress, write, read back, report.

use std::path::{Path, PathBuf};

use anyhow::Context;
use mixpress::compress::{Budget, Error, Measured, Origin};
use mixpress::prelude::{CancelToken, Compressor, DataSource, Definition, Overwrite, zoo};
use mixpress::report;

use super::report::Place;
use super::{inputs, model};
use crate::args::{CompressArgs, WantedArgs};
use crate::defaults::Defaults;
use crate::failure::Failure;
use crate::interrupt::cancel_on_signal;
use crate::logging::with_logging;
use crate::progress::{Progress, SearchProgress};
use crate::threads::with_threads;
use crate::{files, output, repeat};

/// Runs the command.
pub(crate) fn compress(args: &CompressArgs, defaults: &Defaults) -> Result<(), Failure> {
    if let Some(path) = &args.model {
        return model::compress(path, args, defaults);
    }
    refuse_goals_of_models(&args.wanted)?;
    let Origin { recipe, network, input_shape } = inputs::origin(args)?;
    if args.print_recipe {
        return Ok(output::write(&recipe.to_toml())?);
    }
    let network = inputs::network_of(args, network, defaults)?;
    let (out, replace) = output_file(args, &network, defaults);
    args.out.iter().try_for_each(|out| files::refuse_name(out, "an .mxp file", ".mxp"))?;
    args.recipe.iter().try_for_each(|recipe| files::refuse_input(&out, recipe))?;
    files::refuse_taken(&out, replace)?;
    if let Some(folder) = &args.frontier {
        refuse_filled(folder, args.force)?;
    }
    if args.out.is_none() {
        files::make_folder(&defaults.folder)?;
    }
    let place = Place::of_run(args, &out, defaults)?;
    let data = inputs::data(args.data.as_deref(), args.label.as_deref(), &network, defaults)?;
    let is_embedded = args.data.is_none() && defaults.images.is_none();
    if is_embedded && !args.talk.quiet && is_a_surprise(&network, &data) {
        eprintln!("note: without --data, {} is trained on {}", network.name, data.train.name());
    }
    let shape = input_shape.filter(|_| args.network.is_none());
    if let (Some(shape), Some(recipe)) = (shape.filter(|shape| shape != data.train.item_shape()), &args.recipe) {
        return Err(Failure::usage(format!(
            "the network in {} takes items of shape {shape:?}, but those of {} have shape {:?}; name the data that it was trained on with --data",
            recipe.display(),
            data.train.name(),
            data.train.item_shape(),
        )));
    }
    let what = format!("cannot compress {} on {}", network.name, data.train.name());

    let command = repeat::training(&out, args, defaults);
    let cancel = CancelToken::new();
    let budget = budget(args);
    let progress = Progress::new(&args.talk, &recipe);
    let search = SearchProgress::new(&args.talk);
    let lines = if budget.is_some() { search.lines() } else { progress.lines() };
    cancel_on_signal(cancel.clone(), Some((lines.clone(), "stopping at the next step and saving")));
    let mut builder =
        Compressor::builder().network(network).data(data).recipe(recipe).observer(&progress).cancel(cancel);
    builder = match &args.checkpoint {
        Some(folder) => builder.checkpoint(folder.clone()).resume(args.resume),
        None => builder.checkpoint_on_interrupt(files::state_folder(&out)),
    };
    if let Some(budget) = budget {
        builder = builder.budget(budget).search_observer(&search);
    }
    if let Some(limit) = args.time_limit {
        builder = builder.time_limit(limit);
    }
    if let Some(folder) = &args.frontier {
        builder = builder.frontier(folder.clone());
    }
    let overwrite = if replace { Overwrite::Replace } else { Overwrite::Refuse };
    let result =
        with_threads(args.threads, || with_logging(&args.talk, &lines, || builder.build()?.run_to(&out, overwrite)))?;
    lines.clear();

    let Measured { outcome, details } = result.map_err(|error| failure(error, what))?;
    let page = place.map_or(Ok(String::new()), |place| place.write_run(&outcome, &details, &out, &command));
    let text = if args.json {
        format!("{}\n", report::json(&outcome, Some(&out)))
    } else {
        let line = page.as_deref().unwrap_or_default();
        format!("{}\nwritten to {}\n{line}", report::table(&outcome), out.display())
    };
    output::write(&text).with_context(|| format!("the result is in {}, but cannot be printed", out.display()))?;
    page.map(drop)
}

/// Refuses goals that only a trained model can have. The parser does not where a MODEL is excluded by other arguments.
fn refuse_goals_of_models(wanted: &WantedArgs) -> Result<(), Failure> {
    let WantedArgs { bits, ratio, snr, max_output_error, lossless, distortion, inputs, sensitivity, .. } = wanted;
    let given = [
        ("--bits", bits.is_some()),
        ("--ratio", ratio.is_some()),
        ("--snr", snr.is_some()),
        ("--max-output-error", max_output_error.is_some()),
        ("--lossless", *lossless),
        ("--distortion", distortion.is_some()),
        ("--inputs", inputs.is_some()),
        ("--sensitivity", sensitivity.is_some()),
        ("--effort", wanted.effort.is_some()),
        ("--codebooks", wanted.codebooks),
        ("--tensor", !wanted.rules.is_empty()),
        ("--dry-run", wanted.dry_run),
        ("--strict", wanted.strict),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Failure::usage(format!("{option} is for a trained MODEL, and none was named"))),
        None => Ok(()),
    }
}

/// Refuses a folder for a search's files that has something in it, unless it may be replaced.
fn refuse_filled(folder: &Path, replace: bool) -> Result<(), Failure> {
    let is_filled = folder.read_dir().is_ok_and(|mut files| files.next().is_some());
    if is_filled && !replace {
        let folder = folder.display();
        return Err(Failure::failed(format!(
            "{folder} has files in it; --frontier takes another folder, --force replaces those of an earlier search"
        )));
    }
    Ok(())
}

/// What a search is asked for, if one is wanted.
fn budget(args: &CompressArgs) -> Option<Budget> {
    let increase = args.max_error_increase.map(Budget::ErrorIncrease);
    increase.or(args.max_error.map(Budget::Error)).or(args.wanted.max_bytes.map(Budget::Bytes))
}

/// Whether somebody who named this network, but no data, may have expected others than the embedded digits.
fn is_a_surprise(network: &Definition, digits: &DataSource) -> bool {
    let is_known = zoo::by_name(&network.name).as_ref() == Some(network) && *network != zoo::digits_mlp();
    is_known && network.lower(digits.train.item_shape()).is_ok()
}

/// Where the file goes, and whether it may replace what is there.
fn output_file(args: &CompressArgs, network: &Definition, defaults: &Defaults) -> (PathBuf, bool) {
    if let Some(out) = &args.out {
        return (out.clone(), args.force);
    }
    let name = format!("{}.mxp", files::file_stem(&network.name));
    (defaults.folder.join(name), args.force || defaults.replace)
}

/// What an error of the run means to the caller of the program; `what` says what was asked for.
fn failure(error: Error, what: String) -> Failure {
    match error {
        Error::Interrupted { checkpoint: state, best } => Failure::Interrupted { state, best },
        Error::Recipe(_) | Error::Setting { .. } | Error::Budget { .. } => Failure::Usage(error.into()),
        Error::NoCheckpoint { .. } => Failure::failed(format!("{error}; leave out --resume to begin anew")),
        Error::CheckpointExists { ref path } => {
            let folder = path.display();
            Failure::failed(format!("{error}; it goes on with --checkpoint {folder} --resume, and --force gives it up"))
        }
        Error::OtherRun { .. } => {
            Failure::failed(format!("{error}; give the same options as before, or name another --checkpoint"))
        }
        Error::Network(_) | Error::Classes { .. } | Error::InputShape { .. } | Error::OutputShape { .. } => {
            Failure::Failed(anyhow::Error::from(error).context(what))
        }
        error => Failure::Failed(error.into()),
    }
}
