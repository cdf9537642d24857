//! `cargo xtask test-report`: pages about a real short run, looked at in a headless browser.
//!
//! The product's own commands make them: of the run, of its file alone, of another program's model; one more has the
//! files of a search drawn. The script `xtask/python/report.py` opens each in Chromium at two widths, light and dark.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use mixpress_cli::mixpress::compress::FrontierPoint;
use mixpress_cli::mixpress::prelude::Outcome;
use mixpress_cli::mixpress::report::{PageOptions, page};

use crate::{python, repository};

/// Names of the browser; the variable CHROMIUM may have another.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Figures of a run's page, of a file's and of a search's.
const OF_RUN: [&str; 10] = [
    "sizes",
    "weights-0",
    "codebook-0",
    "codebook-1",
    "curve-loss",
    "curve-error",
    "curve-weights",
    "curve-components",
    "class-errors",
    "parts",
];
const OF_FILE: [&str; 3] = ["sizes", "codebook-0", "parts"];
const OF_SEARCH: [&str; 2] = ["files", "curve-loss"];

/// Makes the pages and has them looked at; fails, rather than skips, where that cannot be done.
pub fn run() -> anyhow::Result<()> {
    let (browser, python) = (browser()?, python::interpreter()?);
    let folder = repository::root().join("target/test-report");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let at = |name: &str| folder.join(name);
    let (run, result) = (at("run.html"), at("run.json"));
    let printed = product(&[
        "compress",
        "--network",
        "digits-mlp",
        "--json",
        "--out",
        &text(&at("run.mxp")),
        "--report",
        &text(&run),
    ])?;
    fs::write(&result, &printed).with_context(|| format!("cannot write {}", result.display()))?;
    product(&["report", &text(&at("run.mxp")), "--out", &text(&at("file.html"))])?;

    let model = repository::root().join("crates/interchange/tests/data/initializers.onnx");
    product(&[
        "compress",
        &text(&model),
        "--snr",
        "30",
        "--quiet",
        "--out",
        &text(&at("model.mxp")),
        "--report",
        &text(&at("model.html")),
    ])?;
    let search = with_search(serde_json::from_str(&printed).context("the result of the run is no outcome")?);
    fs::write(at("search.html"), page(&search, &PageOptions::default()))?;

    let look = |page: &Path, result: Option<&Path>, figures: &[&str]| {
        let script = repository::root().join("xtask/python/report.py");
        let mut command = Command::new(&python);
        command.arg(script).arg(&browser).arg(page).args(result).arg("-o").arg(at("pictures"));
        python::check(command.arg("--figures").args(figures), &format!("look at {}", page.display()))
    };
    look(&run, Some(&result), &OF_RUN)?;
    look(&at("file.html"), None, &OF_FILE)?;
    look(&at("model.html"), None, &["parts"])?;
    look(&at("search.html"), None, &OF_SEARCH)?;
    println!("pictures of the pages are in {}", at("pictures").display());
    Ok(())
}

/// The browser's program.
fn browser() -> anyhow::Result<String> {
    let runs = |program: &str| {
        let mut command = Command::new(program);
        command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let named = std::env::var("CHROMIUM").ok();
    let mut names = named.as_deref().into_iter().chain(BROWSERS);
    let found = names.find(|name| runs(name)).map(str::to_owned);
    found.context(
        "Chromium does not run; install it (on Debian the package chromium), or name it in CHROMIUM, then try again",
    )
}

/// Runs a command of the product; gives what it printed.
fn product(args: &[&str]) -> anyhow::Result<String> {
    let program = std::env::current_exe().context("this program has no path")?;
    let output = Command::new(program).args(args).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("mixpress {} ended with {}", args.join(" "), output.status);
    }
    String::from_utf8(output.stdout).context("the program did not write text")
}

/// The outcome, as if a search had made eight files of which it is one.
fn with_search(mut outcome: Outcome) -> Outcome {
    let point = |at: u32| {
        let share = 0.6 + 0.15 * f64::from(at);
        let file_bytes = (outcome.file_bytes as f64 / share) as u64;
        let validation_error = outcome.validation_error + 2.0 * (share - 1.0).powi(3) + 0.2 * f64::from(at % 3);
        FrontierPoint {
            file_bytes,
            ratio: outcome.original_bytes as f64 / file_bytes as f64,
            strength: 0.1 * share,
            validation_error,
            increase: validation_error - outcome.float_validation_error,
            bound: validation_error - outcome.float_validation_error + 0.3,
            is_within: at < 5,
            is_optimal: at.is_multiple_of(3),
            is_chosen: at == 3,
        }
    };
    outcome.frontier = (0..8).map(point).collect();
    outcome
}

/// A path as an argument.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
