//! The arguments of the program, each with the sentence that `--help` says about it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use mixpress::compress::Rule;
use mixpress::prelude::Recipe;

/// More threads than this are a slip of the finger.
const MOST_THREADS: usize = 1024;

const EXAMPLES: &str = "\
Examples:
  mixpress compress                                       the digits network on the embedded digits, a few seconds
  mixpress compress --network lenet-300-100 --data mnist  LeNet on the four MNIST files in the folder mnist
  mixpress inspect lenet-300-100.mxp                      what the file holds, tensor by tensor
  mixpress report lenet-300-100.mxp                       the same as a page with pictures, lenet-300-100.html
  mixpress evaluate lenet-300-100.mxp --data mnist        the test error of the file
  mixpress decompress lenet-300-100.mxp -o lenet.safetensors
  mixpress compress model.onnx --bits 4                   somebody's trained model, without data; safetensors likewise
  mixpress decompress model.mxp -o model.onnx             the model again, with all but weights' values as it was

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
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Command {
    /// Trains a network, or takes a trained model, compresses it and writes an .mxp file.
    ///
    /// With a MODEL, its weights are compressed without data; everything else of it goes into the file as it is.
    /// Otherwise:
    ///
    /// Trains the network, trains it again jointly with the mixture, assigns every weight to a component, fine-tunes the
    /// few values that are left, writes the file, opens that file again and evaluates it. The numbers printed are those
    /// of the reopened file.
    #[command(after_help = compress_help(), after_long_help = compress_long_help())]
    Compress(CompressArgs),
    /// Reads the test error of an .mxp file.
    #[command(after_help = "Example:\n  mixpress evaluate lenet-300-100.mxp --data mnist")]
    Evaluate(EvaluateArgs),
    /// Runs the network or the ONNX model in an .mxp file on inputs, and writes its outputs.
    #[command(after_help = "Example:\n  mixpress predict model.mxp --inputs samples.npz -o outputs.npz")]
    Predict(PredictArgs),
    /// Reads an .mxp file of a trained model whole, and compares it with its source.
    ///
    /// Every checksum is compared and every tensor decoded. With --against, the distortion of each tensor is measured,
    /// and what should be exact is compared bit for bit. The last line is the verdict. The exit code is 1 also where
    /// the file has the source's structure, but weights that are farther from the source's than zeros would be.
    #[command(after_help = "Example:\n  mixpress verify model.mxp --against model.safetensors")]
    Verify(VerifyArgs),
    /// Shows how two models differ, tensor by tensor; each may be a model's file or an .mxp file made of one.
    #[command(after_help = "Example:\n  mixpress diff model.safetensors model.mxp")]
    Diff(DiffArgs),
    /// Shows what an .mxp file holds, tensor by tensor.
    #[command(after_help = "Example:\n  mixpress inspect lenet-300-100.mxp")]
    Inspect(InspectArgs),
    /// Writes a page about an .mxp file: an HTML file with tables and pictures that opens without network.
    ///
    /// It shows what the file alone tells: tensors, codebooks, where the bytes go, validation errors, recipe and seed.
    /// What only the run knew, as histograms and the course of the training, is on the page that `compress --report`
    /// writes.
    #[command(after_help = "Example:\n  mixpress report lenet-300-100.mxp -o lenet.html")]
    Report(ReportArgs),
    /// Writes the model that an .mxp file was made of; for a network trained here, its tensors as a safetensors file.
    #[command(
        after_help = "Examples:\n  mixpress decompress lenet-300-100.mxp -o lenet-300-100.safetensors\n  mixpress decompress model.mxp -o model.onnx"
    )]
    Decompress(DecompressArgs),
    /// Prints a completion script for a shell.
    #[command(
        after_help = "Example:\n  mixpress completions bash > ~/.local/share/bash-completion/completions/mixpress"
    )]
    Completions(CompletionArgs),
}

/// Arguments that only a network which is trained here understands.
const TRAINING: [&str; 13] = [
    "network",
    "data",
    "label",
    "no_augment",
    "recipe",
    "print_recipe",
    "seed",
    "checkpoint",
    "resume",
    "max_error_increase",
    "max_error",
    "time_limit",
    "frontier",
];

/// Arguments of `compress` for a trained model.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options for a trained MODEL")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line, independent of the others")]
pub struct WantedArgs {
    /// At most so many bits a weight; all bytes of the file count [default: 4].
    #[arg(long, value_name = "N", requires = "model", group = "goal", value_parser = number, allow_negative_numbers = true)]
    pub bits: Option<f64>,
    /// At least so many times smaller than the source.
    #[arg(long, value_name = "N", requires = "model", group = "goal", value_parser = number, allow_negative_numbers = true)]
    pub ratio: Option<f64>,
    /// At most so many bytes, as 5000000 or 5MB or 4.8MiB. Without a MODEL, the most accurate such file is searched for.
    #[arg(long, value_name = "SIZE", groups = ["goal", "budget"], value_parser = bytes, allow_negative_numbers = true)]
    pub max_bytes: Option<u64>,
    /// At least this signal-to-noise ratio over all weights, in dB.
    #[arg(long, value_name = "DB", requires = "model", group = "goal", value_parser = number, allow_negative_numbers = true)]
    pub snr: Option<f64>,
    /// At most this relative error of each output on the --inputs, as 0.05 for five percent, in as small a file as is
    /// found. Of whole numbers it is the share that is not equal.
    #[arg(long, value_name = "ERROR", requires = "inputs", group = "goal", value_parser = number, allow_negative_numbers = true)]
    pub max_output_error: Option<f64>,
    /// Keeps every tensor bit for bit.
    #[arg(long, requires = "model", group = "goal")]
    pub lossless: bool,
    /// Which error is made least: the total one of all weights, or that of each tensor relative to its weights, which
    /// outputs suffer less from, as a rule [default: total with --snr, otherwise relative].
    #[arg(long, value_name = "ERROR", requires = "model", value_enum)]
    pub distortion: Option<ErrorKind>,
    /// An .npz file of inputs, named as those of the ONNX model: it is run on them to measure how much its outputs
    /// suffer from errors in each tensor, so that bits go where they count, and to tell how far the outputs of the
    /// result are off. An array with one axis more than the input is one sample after the other.
    #[arg(long, value_name = "FILE.npz", requires = "model", value_hint = ValueHint::FilePath)]
    pub inputs: Option<PathBuf>,
    /// Sensitivities of the tensors: read if the file is there, otherwise measured on the --inputs and written.
    #[arg(long, value_name = "FILE.json", requires = "model", conflicts_with = "distortion", value_hint = ValueHint::FilePath)]
    pub sensitivity: Option<PathBuf>,
    /// How much time is spent on matrices to save bits, 1 to 9 [default: 5]: a trellis of 4 states (1, 2), 8 (3), 16 (4), 64
    /// (5 to 7) or 256 (8, 9), and from 3 on a look for rows that are like earlier ones, as in tables of embeddings. At 9
    /// rows may be coded along the principal directions of the rows before them, which is the smallest and read several
    /// times more slowly; files of all other efforts are read about as fast.
    #[arg(long, value_name = "1-9", requires = "model", value_parser = clap::value_parser!(u8).range(1..=9), conflicts_with_all = ["lossless", "codebooks"])]
    pub effort: Option<u8>,
    /// Gives every tensor that is compressed a codebook, even where a trellis would be smaller: a model that
    /// `decompress --as gather` writes is small only where there are codebooks.
    #[arg(long, requires = "model")]
    pub codebooks: bool,
    /// Treats tensors apart whose names match: bits:N, lossless or skip; the last that matches counts.
    #[arg(long = "tensor", value_name = "GLOB=TREATMENT", requires = "model")]
    pub rules: Vec<Rule>,
    /// Lists what would happen to each tensor, and the size, time and memory to expect, and writes nothing.
    #[arg(long, requires = "model")]
    pub dry_run: bool,
    /// Fails where something that was asked cannot be done, instead of listing it.
    #[arg(long, requires = "model")]
    pub strict: bool,
}

/// Errors that can be made least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ErrorKind {
    /// The sum of all squared errors.
    Total,
    /// That of each tensor over the mean square of its weights.
    Relative,
}

/// A number, of whatever range.
fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "a number is expected, as 4 or 3.7".to_owned())
}

/// A number of bytes, with or without a unit.
fn bytes(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    let Ok(number) = number.parse::<f64>() else {
        return Err("a number of bytes is expected, as 5000000 or 5MB".to_owned());
    };
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => return Err(format!("{unit} is no unit of bytes; there are kB, MB, GB, KiB, MiB and GiB")),
    };
    Ok((number * factor) as u64)
}

/// A time, as 90s or 30min or 2h.
fn time(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let seconds = match text[end..].trim() {
        "s" => 1.0,
        "min" | "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time with its unit is expected, as 90s or 30min or 2h".to_owned()),
    };
    let number: f64 = text[..end].parse().map_err(|_| "a time is expected, as 90s or 30min or 2h".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "that is longer than can be told".to_owned())
}

/// Arguments of `compress`.
#[derive(Args, Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line, independent of the others")]
pub struct CompressArgs {
    /// A trained model to compress without data: a safetensors file, the .index.json of a sharded one, or an ONNX model.
    #[arg(value_name = "MODEL", value_hint = ValueHint::FilePath, conflicts_with_all = TRAINING)]
    pub model: Option<PathBuf>,
    /// A network by its name (digits-mlp, lenet-300-100, lenet-5-caffe, resnet-20, vgg-small) or a TOML file that defines
    /// one [default: that of an .mxp file as --recipe, else digits-mlp; under cargo xtask: lenet-300-100].
    #[arg(long, value_name = "NAME|FILE.toml", value_hint = ValueHint::AnyPath)]
    pub network: Option<String>,
    /// A data set: an .npz file with arrays x and y, a .csv file with a column of labels, or a folder with images as
    /// train/CLASS/*.png and test/CLASS/*.png or CLASS/*.png, with four IDX files as MNIST has them, plain or .gz, or
    /// with the CIFAR-10 binary files. Where there is no test part, a tenth of each class is taken for it, always the
    /// same [default: the embedded UCI digits; under cargo xtask: MNIST for networks that take it].
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub data: Option<PathBuf>,
    /// The column of labels in a .csv file of --data [default: label].
    #[arg(long, value_name = "NAME", requires = "data")]
    pub label: Option<String>,
    /// Trains on the images as they are, without random shifts by one pixel.
    #[arg(long)]
    pub no_augment: bool,
    /// A TOML file with settings; those it leaves out keep their defaults. Or an .mxp file that compress made: its run
    /// is repeated, with its recipe, its seed and its network, and with the same data makes the same bytes.
    #[arg(long, value_name = "FILE.toml|FILE.mxp", value_hint = ValueHint::FilePath)]
    pub recipe: Option<PathBuf>,
    /// Finds the smallest file whose error is at most so many percentage points above the uncompressed network's. Files
    /// are judged on held-out samples, each by a 95 % confidence bound; a search takes three to four times as long as a
    /// run without a budget, or twice that.
    #[arg(long, value_name = "POINTS", group = "budget", value_parser = number, allow_negative_numbers = true)]
    pub max_error_increase: Option<f64>,
    /// Finds the smallest file whose error is at most so many percent, judged likewise.
    #[arg(long, value_name = "PERCENT", group = "budget", value_parser = number, allow_negative_numbers = true)]
    pub max_error: Option<f64>,
    /// Ends a search after so long, as 90s or 30min or 2h, with the best file that it has by then. A resumed search has
    /// all of it again.
    #[arg(long, value_name = "TIME", requires = "budget", value_parser = time)]
    pub time_limit: Option<Duration>,
    /// A folder for all files that a search makes, from the largest to the smallest, and a table of them, frontier.csv.
    #[arg(long, value_name = "DIR", requires = "budget", value_hint = ValueHint::DirPath)]
    pub frontier: Option<PathBuf>,
    /// Prints every setting of the run as TOML, a valid --recipe, and stops.
    #[arg(long, conflicts_with = "budget")]
    pub print_recipe: bool,
    /// The seed of all randomness: the same seed gives the same file [default: the recipe's, 0].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Threads to compute with; the file does not depend on it [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
    /// The file to write [default: the network's name and .mxp, here; under cargo xtask: in target/mixpress].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Also writes a page about the compression, an HTML file with tables and pictures that opens without network
    /// [default: none; under cargo xtask: beside the output, unless -o names that].
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    /// Replaces the output and the page when they are there already.
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
    /// What a trained model's file is to reach.
    #[command(flatten)]
    pub wanted: WantedArgs,
}

/// Arguments of `evaluate`.
#[derive(Args, Clone, Debug, Default)]
pub struct EvaluateArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The data set whose test part is read, of any kind that compress takes [default: the embedded UCI digits; under cargo
    /// xtask: MNIST for networks that take it].
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub data: Option<PathBuf>,
    /// The column of labels in a .csv file of --data [default: label].
    #[arg(long, value_name = "NAME", requires = "data")]
    pub label: Option<String>,
    /// Threads to compute with [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
    /// Prints one JSON object on one line instead.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `verify`.
#[derive(Args, Clone, Debug, Default)]
pub struct VerifyArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The model that it was made of.
    #[arg(long, value_name = "MODEL", value_hint = ValueHint::FilePath)]
    pub against: Option<PathBuf>,
    /// An .npz file of inputs, named as those of the ONNX model --against, to run both models on and compare their outputs.
    #[arg(long, value_name = "FILE.npz", requires = "against", value_hint = ValueHint::FilePath)]
    pub inputs: Option<PathBuf>,
    /// Threads to compute with [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
    /// Prints one JSON object on one line instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `predict`.
#[derive(Args, Clone, Debug, Default)]
pub struct PredictArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// An .npz file of inputs: of a network trained here one array of floats, shaped and scaled as its training data
    /// were (pixels from 0 to 1; the embedded digits are [n, 1, 8, 8]); of an ONNX model an array for each of its
    /// inputs, by name.
    #[arg(long, value_name = "FILE.npz", value_hint = ValueHint::FilePath)]
    pub inputs: PathBuf,
    /// The .npz file to write, an array for each output.
    #[arg(short, long, value_name = "FILE.npz", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
    /// Replaces the output when it is there already.
    #[arg(long)]
    pub force: bool,
    /// Threads to compute with [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
}

/// Arguments of `diff`.
#[derive(Args, Clone, Debug, Default)]
pub struct DiffArgs {
    /// A model, or an .mxp file made of one.
    #[arg(value_name = "FIRST", value_hint = ValueHint::FilePath)]
    pub first: PathBuf,
    /// Another.
    #[arg(value_name = "SECOND", value_hint = ValueHint::FilePath)]
    pub second: PathBuf,
    /// Exits with 1 when the models differ, as `git diff --exit-code` does; without it, with 0 whenever both can be read.
    #[arg(long)]
    pub exit_code: bool,
    /// Prints one JSON object on one line instead of the table.
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

/// Arguments of `report`.
#[derive(Args, Clone, Debug, Default)]
pub struct ReportArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The page to write [default: the name of FILE with .html, here].
    #[arg(short, long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Replaces the page when it is there already.
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `decompress`.
#[derive(Args, Clone, Debug, Default)]
pub struct DecompressArgs {
    /// The .mxp file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The file to write [default: the name of FILE with .safetensors or .onnx, with --keep-shards
    /// .safetensors.index.json, here].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// How compressed weights are written.
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    pub form: Form,
    /// Writes a sharded model as its index and its shards again, instead of one file.
    #[arg(long)]
    pub keep_shards: bool,
    /// Replaces the output when it is there already, but none of the files that the model has beside it: shards, external
    /// data. In the folder of the original those are the original's.
    #[arg(long)]
    pub force: bool,
    /// Replaces the output and every file that the model has beside it.
    #[arg(long)]
    pub force_all: bool,
}

/// How compressed weights are written.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Each by its value, as the model had them.
    #[default]
    Plain,
    /// Of ONNX models: as a codebook and bytes, which the model's own nodes look up in it (Cast, Gather). The model is small
    /// by itself and runs in any runtime. Trellis-coded weights are written plain: compress with --codebooks.
    Gather,
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
  mixpress compress --network lenet-300-100 --data mnist --max-error-increase 0.2 --frontier files
  mixpress compress --network lenet-300-100 --data mnist --max-bytes 2kB --time-limit 10min
  mixpress compress --report digits-mlp.html
  mixpress compress --print-recipe > recipe.toml
  mixpress compress --network my-network.toml --data my-images --recipe recipe.toml -o mine.mxp
  mixpress compress --recipe mine.mxp --data my-images -o again.mxp
  mixpress compress --network my-network.toml --data measurements.csv --label kind
  mixpress compress --network lenet-5-caffe --data mnist --checkpoint state
  mixpress compress --network lenet-5-caffe --data mnist --checkpoint state --resume
  mixpress compress model.safetensors --bits 3.7 -o model.mxp
  mixpress compress model.onnx --snr 25 --tensor 'embed*=bits:6' --tensor '*.head.*=lossless'
  mixpress compress model.onnx --max-bytes 5MB --dry-run
  mixpress compress model.onnx --inputs samples.npz --sensitivity model.json --max-output-error 0.05

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
    fn a_trained_model_and_training_exclude_each_other() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["mixpress", "compress"], args].concat());
        assert!(parse(&["m.onnx", "--bits", "3.5", "--tensor", "a=skip"]).is_ok());
        for args in [
            &["m.onnx", "--seed", "1"][..],
            &["m.onnx", "--network", "n"],
            &["--bits", "4"],
            &["m.onnx", "--bits", "4", "--snr", "20"],
            &["m.onnx", "--lossless", "--ratio", "4"],
            &["m.onnx", "--tensor", "a=b"],
            &["--dry-run"],
            &["m.onnx", "--max-output-error", "0.1"],
            &["m.onnx", "--inputs", "i.npz", "--max-output-error", "0.1", "--bits", "4"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, size) in [("17", 17), ("5MB", 5_000_000), ("4.5 KiB", 4608), ("1.5gb", 1_500_000_000)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MB", "-1", "1.2.3"] {
            assert!(bytes(text).is_err_and(|error| error.contains("a number of bytes is expected")), "{text}");
        }
        assert!(bytes("5 apples").is_err_and(|error| error.contains("apples is no unit")));
    }

    #[test]
    fn what_is_no_number_is_told_as_such() {
        for (option, value, words) in [
            ("--bits", "four", "a number is expected"),
            ("--ratio", "x", "a number is expected"),
            ("--snr", "20dB", "a number is expected"),
            ("--max-bytes", "-1", "a number of bytes is expected"),
            ("--tensor", "=bits:3", "no names before the ="),
            ("--tensor", "[=skip", "the glob [ is wrong"),
        ] {
            let error = Cli::try_parse_from(["mixpress", "compress", "m.onnx", option, value]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn nobody_is_quiet_and_verbose() {
        assert!(Cli::try_parse_from(["mixpress", "compress", "-q", "-v"]).is_err());
    }

    #[test]
    fn no_threads_is_wrong_usage() {
        for threads in ["0", "99999999", "-1"] {
            for command in [&["mixpress", "compress"][..], &["mixpress", "evaluate", "f"]] {
                let error = Cli::try_parse_from([command, &["--threads", threads]].concat()).unwrap_err().to_string();
                assert!(error.contains("a number from 1 to"), "{error}");
            }
        }
        assert!(Cli::try_parse_from(["mixpress", "compress", "--threads", "2"]).is_ok());
    }

    #[test]
    fn the_long_help_shows_the_recipe() {
        let help = compress_long_help();
        assert!(help.contains("  seed = 0") && help.contains("  [joint]"), "{help}");
    }
}
