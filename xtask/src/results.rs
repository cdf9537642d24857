//! `cargo xtask results`: runs the jobs behind the README's results, one at a time, and keeps what each came to.
//!
//! The jobs stand in `docs/recipes/jobs.toml`. Each is a run of the program, built in release mode, as anybody would
//! start it. Its row is put into `docs/results.md` as soon as it is done, so several sittings add up.

mod jobs;
mod page;
mod place;

pub use place::processor;

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use mixpress_cli::mixpress::train;
use serde::Deserialize;

use self::jobs::Run;
use self::page::{Page, Row};
use self::place::Place;
use crate::repository;

/// Where rows are kept, from the repository's root.
const RESULTS: &str = "docs/results.md";

/// Which jobs are run.
#[derive(Debug, Args)]
pub struct ResultsArgs {
    /// Jobs by their names in docs/recipes/jobs.toml [default: all].
    #[arg(value_name = "JOB")]
    jobs: Vec<String>,
    /// Only runs of this seed [default: all of a job's].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Lists the runs and which of them are done here, and runs none.
    #[arg(long)]
    list: bool,
    /// Also runs what is done already for this commit on this processor; its row is replaced.
    #[arg(long)]
    again: bool,
    /// Threads to compute with [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// What of the program's JSON goes into a row.
#[derive(Debug, Deserialize)]
struct Figures {
    /// Percent.
    float_error: f64,
    /// Percent.
    compressed_error: f64,
    file_bytes: u64,
    ratio: f64,
    /// A share.
    sparsity: f64,
    /// Wall time.
    seconds: f64,
}

/// Runs the jobs that are not done yet; what is finished when one fails, or when somebody stops it, is kept.
///
/// # Errors
/// If there is no such job, a run fails, or its row cannot be written.
pub fn run(args: &ResultsArgs) -> anyhow::Result<()> {
    let root = repository::root();
    let (jobs, path) = (jobs::read(&root)?, root.join(RESULTS));
    let runs = jobs::chosen(&jobs, &args.jobs, args.seed)?;
    let place = Place::here(&root, args.threads)?;
    for run in runs {
        // Read each time: another sitting may have added to it.
        let is_done = Page::read(&path)?.has(&Row::key(&run, &place));
        if args.list {
            println!("{} {}, {}", if is_done { "done" } else { "open" }, run, run.command(&place).join(" "));
            continue;
        }
        if is_done && !args.again {
            println!("{run} is done for {} on {}", place.commit, place.processor);
            continue;
        }
        eprintln!("{run}: {}", run.command(&place).join(" "));
        let figures = figures(&run, &place).with_context(|| format!("{run} is not done"))?;
        if Place::here(&root, args.threads)?.commit != place.commit {
            bail!("the sources changed while {run} ran, so it belongs to no commit; it is not kept");
        }
        let row = Row::new(&run, &place, &figures);
        let mut page = Page::read(&path)?;
        page.put(row.clone());
        page.sort(&jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>());
        train::write_whole(&path, page.text().as_bytes())?;
        println!("{}", row.line());
    }
    Ok(())
}

/// What a run came to.
fn figures(run: &Run<'_>, place: &Place) -> anyhow::Result<Figures> {
    let root = repository::root();
    // What a run that was stopped has left is made anew.
    let folder = root.join(run.folder());
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let program = ["run", "--quiet", "--release", "--package", "mixpress-cli", "--"];
    let mut command = Command::new(cargo);
    // The first word is the program's name.
    command.current_dir(&root).args(program).args(&run.command(place)[1..]).args(["--json", "--out", &run.file()]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the program ended with {}", output.status);
    }
    let text = String::from_utf8(output.stdout).context("the program's output is no text")?;
    serde_json::from_str(text.lines().last().unwrap_or_default()).context("the program's last line is no result")
}
