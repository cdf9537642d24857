//! The arguments of the program, each with the sentence that `--help` says about it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use mixpress::prelude::Recipe;

/// More threads than this are a slip of the finger.
const MOST_THREADS: usize = 1024;

const EXAMPLES: &str = "\
Examples:
  mixpress compress                                       the digits network on the embedded digits, a few seconds
  mixpress compress --network lenet-300-100 --data mnist  LeNet on the four MNIST files in the folder mnist
  mixpress inspect lenet-300-100.mxp                      what the file holds, tensor by tensor
  mixpress evaluate lenet-300-100.mxp --data mnist        the test error of the file
  mixpress decompress lenet-300-100.mxp -o lenet.safetensors

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

/// Compresses neural networks with a Gaussian-mixture prior.
///
/// Trains a network towards a mixture of Gaussians with one component at zero, so that each layer ends with a handful of
/// values, mostly zero, and writes it as an .mxp file some hundred times smaller than its weights.
#[derive(Debug, Parser)]
#[command(name = "mixpress", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trains a network, compresses it and writes an .mxp file.
    ///
    /// Trains the network, trains it again jointly with the mixture, assigns every weight to a component, fine-tunes the
    /// few values that are left, writes the file, opens that file again and evaluates it. The numbers printed are those
    /// of the reopened file.
    #[command(after_help = compress_help(), after_long_help = compress_long_help())]
    Compress(CompressArgs),
    /// Reads the test error of an .mxp file.
    #[command(after_help = "Example:\n  mixpress evaluate lenet-300-100.mxp --data mnist")]
    Evaluate(EvaluateArgs),
    /// Shows what an .mxp file holds, tensor by tensor.
    #[command(after_help = "Example:\n  mixpress inspect lenet-300-100.mxp")]
    Inspect(InspectArgs),
    /// Writes the tensors of an .mxp file at full shape, in f32, as a safetensors file.
    #[command(after_help = "Example:\n  mixpress decompress lenet-300-100.mxp -o lenet-300-100.safetensors")]
    Decompress(DecompressArgs),
    /// Prints a completion script for a shell.
    #[command(
        after_help = "Example:\n  mixpress completions bash > ~/.local/share/bash-completion/completions/mixpress"
    )]
    Completions(CompletionArgs),
}

/// Arguments of `compress`.
#[derive(Args, Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line, independent of the others")]
pub struct CompressArgs {
    /// A network by its name (digits-mlp, lenet-300-100, lenet-5-caffe, resnet-20, vgg-small) or a TOML file that defines
    /// one [default: digits-mlp; under cargo xtask: lenet-300-100].
    #[arg(long, value_name = "NAME|FILE.toml", value_hint = ValueHint::AnyPath)]
    pub network: Option<String>,
    /// A folder with a data set: four IDX files as MNIST has them, plain or .gz, or the CIFAR-10 binary files [default:
    /// the embedded UCI digits; under cargo xtask: MNIST for networks that take it].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Trains on the images as they are, without random shifts by one pixel.
    #[arg(long)]
    pub no_augment: bool,
    /// A TOML file with settings; those it leaves out keep their defaults.
    #[arg(long, value_name = "FILE.toml", value_hint = ValueHint::FilePath)]
    pub recipe: Option<PathBuf>,
    /// Prints every setting of the run as TOML, a valid --recipe, and stops.
    #[arg(long)]
    pub print_recipe: bool,
    /// The seed of all randomness: the same seed gives the same file [default: the recipe's, 0].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Threads to compute with; the file does not depend on it [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,
    /// The file to write [default: the network's name and .mxp, here; under cargo xtask: in target/mixpress].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Replaces the output when it is there already.
    #[arg(long)]
    pub force: bool,
    /// A folder where the state of the run is saved as it goes.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub checkpoint: Option<PathBuf>,
    /// Goes on from the state in the folder --checkpoint, to the same file that an unbroken run writes.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Prints one JSON object on one line instead of the table.
    #[arg(long)]
    pub json: bool,
    /// How much to say meanwhile.
    #[command(flatten)]
    pub talk: Talk,
}

/// Arguments of `evaluate`.
#[derive(Args, Clone, Debug, Default)]
pub struct EvaluateArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// A folder with the data set whose test part is read [default: the embedded UCI digits; under cargo xtask: MNIST for
    /// networks that take it].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Threads to compute with [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,
    /// Prints one JSON object on one line instead.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `inspect`.
#[derive(Args, Clone, Debug, Default)]
pub struct InspectArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Prints one JSON object on one line instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `decompress`.
#[derive(Args, Clone, Debug, Default)]
pub struct DecompressArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The safetensors file to write [default: the name of FILE with .safetensors, here].
    #[arg(short, long, value_name = "FILE.safetensors", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Replaces the output when it is there already.
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionArgs {
    /// The shell that the script is for.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// How much a long command says on standard error.
#[derive(Args, Clone, Debug, Default)]
pub struct Talk {
    /// Shows no progress and no notes: only the result, and what goes wrong.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// A line with loss, validation error and weights left at the end of each round; twice: everything.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

/// A number of threads that a machine could have.
fn threads(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(threads) if threads.get() <= MOST_THREADS => Ok(threads),
        _ => Err(format!("a number from 1 to {MOST_THREADS} is expected")),
    }
}

/// What stands below the options of `compress -h`.
fn compress_help() -> String {
    "Examples:
  mixpress compress --seed 1 --json
  mixpress compress --network lenet-300-100 --data mnist --force
  mixpress compress --print-recipe > recipe.toml
  mixpress compress --network my-network.toml --data my-images --recipe recipe.toml -o mine.mxp
  mixpress compress --network lenet-5-caffe --data mnist --checkpoint state
  mixpress compress --network lenet-5-caffe --data mnist --checkpoint state --resume

Ctrl-C once stops at the next step and saves the state (without --checkpoint: beside the output); twice leaves at once."
        .to_owned()
}

/// [`compress_help`] and the defaults of every setting of a recipe.
fn compress_long_help() -> String {
    let mut text = compress_help();
    text.push_str("\n\nThe settings of a recipe and their defaults:\n\n");
    for line in Recipe::default().to_toml().lines() {
        if !line.is_empty() {
            text.push_str("  ");
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn resume_needs_a_checkpoint() {
        assert!(Cli::try_parse_from(["mixpress", "compress", "--resume"]).is_err());
        assert!(Cli::try_parse_from(["mixpress", "compress", "--resume", "--checkpoint", "d"]).is_ok());
    }

    #[test]
    fn nobody_is_quiet_and_verbose() {
        assert!(Cli::try_parse_from(["mixpress", "compress", "-q", "-v"]).is_err());
    }

    #[test]
    fn no_threads_is_wrong_usage() {
        for threads in ["0", "99999999", "-1"] {
            assert!(Cli::try_parse_from(["mixpress", "compress", "--threads", threads]).is_err(), "{threads}");
        }
        assert!(Cli::try_parse_from(["mixpress", "compress", "--threads", "2"]).is_ok());
    }

    #[test]
    fn the_long_help_shows_the_recipe() {
        let help = compress_long_help();
        assert!(help.contains("  seed = 0") && help.contains("  [joint]"), "{help}");
    }
}
