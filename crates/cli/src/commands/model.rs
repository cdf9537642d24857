//! `mixpress compress MODEL`: a model that was trained elsewhere, compressed without data.

use std::path::{Path, PathBuf};

use anyhow::Context;
use mixpress::compress::{Distortion, Error, Treatment};
use mixpress::prelude::{CancelToken, Goal, ModelCompressor, Overwrite};
use mixpress::report;

use super::measured::measured;
use super::report::Place;
use crate::args::{CompressArgs, ErrorKind, WantedArgs};
use crate::defaults::Defaults;
use crate::failure::Failure;
use crate::interrupt::cancel_on_signal;
use crate::kinds::{Wanted, explained};
use crate::progress::ModelProgress;
use crate::threads::with_threads;
use crate::{files, output, repeat};

/// Runs the command.
pub(super) fn compress(path: &Path, args: &CompressArgs, defaults: &Defaults) -> Result<(), Failure> {
    let what = || format!("cannot compress {}", path.display());
    let out = args.out.clone().unwrap_or_else(|| named_after(path, defaults));
    refuse_contradiction(&args.wanted)?;
    let mut place = None;
    if !args.wanted.dry_run {
        args.out.iter().try_for_each(|out| files::refuse_name(out, "an .mxp file", ".mxp"))?;
        files::refuse_input(&out, path)?;
        files::refuse_taken(&out, args.force)?;
        if args.out.is_none() {
            files::make_folder(&defaults.folder)?;
        }
        place = Place::of_run(args, &out, defaults)?;
    }
    let mut compressor = ModelCompressor::open(path).map_err(|error| explained(error, path, Wanted::Model, what))?;
    if !args.wanted.dry_run {
        let others = [&args.wanted.inputs, &args.wanted.sensitivity].into_iter().flatten().map(PathBuf::as_path);
        compressor.model().paths().chain(others).try_for_each(|path| files::refuse_input(&out, path))?;
    }
    compressor = compressor.strict(args.wanted.strict);
    if let Some(goal) = goal(&args.wanted) {
        compressor = compressor.goal(goal);
    }
    if let Some(kind) = args.wanted.distortion {
        compressor = compressor.distortion(match kind {
            ErrorKind::Total => Distortion::Total,
            ErrorKind::Relative => Distortion::Relative,
        });
    }
    if let Some(effort) = args.wanted.effort {
        compressor = compressor.effort(effort);
    }
    compressor = compressor.codebooks_only(args.wanted.codebooks);
    for rule in &args.wanted.rules {
        compressor = compressor.rule(rule.clone());
    }
    let (progress, cancel) = (ModelProgress::new(&args.talk), CancelToken::new());
    cancel_on_signal(cancel.clone(), Some((progress.lines(), "stopping at the next tensor")));
    compressor = compressor.observer(&progress).cancel(cancel);
    let measured = with_threads(args.threads, || measured(compressor, args))?;
    if measured.is_err() {
        progress.clear();
    }
    compressor = measured?;
    if args.wanted.dry_run {
        let plan = with_threads(args.threads, || compressor.plan())?;
        progress.clear();
        let plan = plan.map_err(|error| failure(error, what))?;
        let text = if args.json { report::plan_json(&plan) + "\n" } else { report::plan_table(&plan) };
        return Ok(output::write(&text)?);
    }
    let overwrite = if args.force { Overwrite::Replace } else { Overwrite::Refuse };
    let result = with_threads(args.threads, || compressor.run_to(&out, overwrite))?;
    progress.clear();
    let outcome = result.map_err(|error| failure(error, || format!("{} to {}", what(), out.display())))?;
    let command = repeat::model(path, &args.wanted, defaults);
    let page = place.map_or(Ok(String::new()), |place| place.write_model(&outcome, &out, &command));
    let text = if args.json {
        format!("{}\n", report::model_json(&outcome, Some(&out)))
    } else {
        let line = page.as_deref().unwrap_or_default();
        format!("{}\nwritten to {}\n{line}", report::model_table(&outcome), out.display())
    };
    output::write(&text).with_context(|| format!("the result is in {}, but cannot be printed", out.display()))?;
    page.map(drop)
}

/// Refuses to keep every tensor bit for bit, and some not.
fn refuse_contradiction(wanted: &WantedArgs) -> Result<(), Failure> {
    let lossy = wanted.rules.iter().find(|rule| matches!(rule.treatment, Treatment::Bits(_)));
    match lossy {
        Some(rule) if wanted.lossless => {
            let names = rule.pattern();
            Err(Failure::usage(format!(
                "--lossless keeps every tensor bit for bit, but --tensor gives bits to {names}"
            )))
        }
        _ => Ok(()),
    }
}

/// What is asked for, if anything.
fn goal(wanted: &WantedArgs) -> Option<Goal> {
    let given = [
        wanted.bits.map(Goal::BitsPerWeight),
        wanted.ratio.map(Goal::Ratio),
        wanted.max_bytes.map(Goal::Bytes),
        wanted.snr.map(Goal::SignalToNoise),
        wanted.max_output_error.map(Goal::OutputError),
        wanted.lossless.then_some(Goal::Lossless),
    ];
    given.into_iter().flatten().next()
}

/// The model's name, of a sharded one without what says so, and `.mxp`.
fn named_after(path: &Path, defaults: &Defaults) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = [".safetensors.index.json", ".safetensors", ".onnx"].iter().find_map(|end| name.strip_suffix(end));
    defaults.folder.join(format!("{}.mxp", files::file_stem(stem.unwrap_or(&name))))
}

/// What an error means to the caller of the program.
pub(super) fn failure(error: Error, what: impl Fn() -> String) -> Failure {
    match error {
        Error::Interrupted { .. } => Failure::interrupted(),
        Error::Setting { .. } | Error::Rule { .. } => Failure::Usage(error.into()),
        error => Failure::Failed(anyhow::Error::from(error).context(what())),
    }
}
