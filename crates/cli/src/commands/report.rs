//! `mixpress report`, and the page that `mixpress compress --report` writes.

use std::path::{Path, PathBuf};

use anyhow::Context;
use mixpress::compress::{Details, FileBytes, ModelOutcome, Opened};
use mixpress::prelude::{ModelFile, Outcome};
use mixpress::report::{PageOptions, model_page, page};
use mixpress::train::{Draft, write_whole, write_whole_new};

use crate::args::{CompressArgs, ReportArgs};
use crate::defaults::Defaults;
use crate::failure::Failure;
use crate::kinds::{Wanted, explained};
use crate::{files, output, repeat};

/// Runs the command.
pub(crate) fn report(args: &ReportArgs, defaults: &Defaults) -> Result<(), Failure> {
    let what = || format!("cannot report on {}", args.file.display());
    let out = args.out.clone().unwrap_or_else(|| {
        let mut name = args.file.file_stem().unwrap_or_default().to_owned();
        name.push(".html");
        name.into()
    });
    let place = Place { path: out, replace: args.force, option: "-o" };
    place.check()?;
    files::refuse_input(&place.path, &args.file)?;
    let opened = Opened::open(&args.file).map_err(|error| explained(error, &args.file, Wanted::Mxp, what))?;
    let file = Some(args.file.as_path());
    let html = match &opened {
        Opened::Network(model) => {
            let (outcome, details) = (Outcome::of_model(model), Details::of_model(model));
            let command = repeat::of_file(&args.file, model, defaults);
            page(&outcome, &PageOptions { details: Some(&details), file, command: command.as_deref() })
        }
        Opened::Model(model) => {
            let outcome = ModelOutcome::of_model_file(model)
                .map_err(|error| Failure::Failed(anyhow::Error::from(error).context(what())))?;
            let details = Details { file: FileBytes::of(model.breakdown()), ..Details::default() };
            model_page(&outcome, &PageOptions { details: Some(&details), file, command: None })
        }
    };
    place.write(&html)?;
    Ok(output::write(&format!("{} bytes written to {}\n", html.len(), place.path.display()))?)
}

/// Where a page goes.
pub(super) struct Place {
    path: PathBuf,
    replace: bool,
    /// The option that names it.
    option: &'static str,
}

impl Place {
    /// Where the page of a compression goes, if there is one, `out` being the other output. Fails before the run where
    /// the page could not be written after it.
    pub fn of_run(args: &CompressArgs, out: &Path, defaults: &Defaults) -> Result<Option<Self>, Failure> {
        let place = match &args.report {
            Some(path) => Self { path: path.clone(), replace: args.force, option: "--report" },
            None if defaults.report && args.out.is_none() => {
                Self { path: out.with_extension("html"), replace: args.force || defaults.replace, option: "--report" }
            }
            None => return Ok(None),
        };
        place.check()?;
        let absolute = |path: &Path| std::path::absolute(path).ok();
        if absolute(&place.path) == absolute(out) {
            let path = place.path.display();
            return Err(Failure::usage(format!("{path} is the compressed file; name another with --report")));
        }
        args.model.iter().try_for_each(|model| files::refuse_input(&place.path, model))?;
        Ok(Some(place))
    }

    fn check(&self) -> Result<(), Failure> {
        files::refuse_name_for(self.option, &self.path, "a report", ".html")?;
        files::refuse_taken_for(self.option, &self.path, self.replace)?;
        // A draft that is not put in its place vanishes.
        Draft::replacing(&self.path).map(drop).map_err(|error| Failure::Failed(error.into()))
    }

    /// Writes the page of a network that was trained here; gives a line that says where it is.
    pub fn write_run(
        &self,
        outcome: &Outcome,
        details: &Details,
        out: &Path,
        command: &str,
    ) -> Result<String, Failure> {
        self.write_after(
            out,
            &page(outcome, &PageOptions { details: Some(details), file: Some(out), command: Some(command) }),
        )
    }

    /// Writes the page of another program's model; gives a line that says where it is.
    pub fn write_model(&self, outcome: &ModelOutcome, out: &Path, command: &str) -> Result<String, Failure> {
        let opened = ModelFile::open(out).with_context(|| format!("cannot read {} again", out.display()))?;
        let details = Details { file: FileBytes::of(opened.breakdown()), ..Details::default() };
        let options = PageOptions { details: Some(&details), file: Some(out), command: Some(command) };
        self.write_after(out, &model_page(outcome, &options))
    }

    fn write_after(&self, out: &Path, html: &str) -> Result<String, Failure> {
        let line = || format!("report in {}\n", self.path.display());
        self.write(html).map(|()| line()).map_err(|failure| match failure {
            Failure::Failed(error) => {
                Failure::Failed(error.context(format!("the result is in {}, but has no report", out.display())))
            }
            other => other,
        })
    }

    fn write(&self, html: &str) -> Result<(), Failure> {
        let written = if self.replace { write_whole } else { write_whole_new }(&self.path, html.as_bytes());
        written.map_err(|error| Failure::Failed(error.into()))
    }
}
