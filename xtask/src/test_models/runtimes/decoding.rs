//! The time of decoding `MiniLM`, beside `NNCodec`, the implementation of ISO/IEC 15938-17 by Fraunhofer HHI.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use mixpress_cli::mixpress::prelude::{Goal, ModelFile};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::python;
use crate::rate::nncodec;
use crate::test_models::round_trip::round_trip;
use crate::test_models::table::Table;

/// Our file's bits a weight.
const BITS: f64 = 4.0;
/// Our rounds, before and after the other codec's.
const ROUNDS: usize = 5;
/// How many times as fast we want to be.
const AIM: f64 = 10.0;

/// Times both and prints a table.
///
/// # Errors
/// If something cannot be decoded, or the aim is missed. A codec that cannot be installed is told and no error.
pub fn run(mini_lm: &Path, folder: &Path, pool: &ThreadPool) -> anyhow::Result<()> {
    let coded = pool.install(|| round_trip(mini_lm, Goal::BitsPerWeight(BITS), folder))?;
    let before = Ours::measure(&coded.file, &folder.join("decoded.safetensors"), pool)?;
    let theirs = match nncodec::python() {
        Ok(python) => Some(Theirs::measure(&python, mini_lm, &folder.join("model.nnc"))?),
        Err(error) => {
            println!("NNCodec is not installed, so decoding is not compared: {error:#}");
            None
        }
    };
    // What came before and after is told by the slower of both: the machine may have been busier.
    let after = Ours::measure(&coded.file, &folder.join("decoded.safetensors"), pool)?;
    let (program, library) = (before.program.max(after.program), before.library.max(after.library));

    let mut table = Table::new(&["decoding MiniLM", "bits a weight", "dB", "s", "times NNCodec's speed"]);
    let speed =
        |seconds: f64| theirs.as_ref().map_or("-".to_owned(), |theirs| format!("{:.1}", theirs.seconds / seconds));
    let (bits, snr) = (coded.outcome.bits_per_weight, coded.outcome.snr_db);
    for (what, seconds) in [("mixpress decompress, to a file", program), ("library, into f32", library)] {
        table.add_row([
            what.into(),
            format!("{bits:.3}"),
            format!("{snr:.2}"),
            format!("{seconds:.3}"),
            speed(seconds),
        ]);
    }
    if let Some(Theirs { bits, snr, seconds }) = theirs {
        let figures = [format!("{bits:.3}"), format!("{snr:.2}"), format!("{seconds:.3}"), "1".to_owned()];
        let [bits, snr, seconds, one] = figures;
        table.add_row(["NNCodec 2.1.3, into f32".into(), bits, snr, seconds, one]);
    }
    println!("{}\n", table.text());
    if let Some(theirs) = theirs.filter(|theirs| theirs.seconds < AIM * library) {
        bail!("decoding takes {library:.3} s, NNCodec {:.3} s: that is not {AIM} times as fast", theirs.seconds);
    }
    Ok(())
}

/// Our seconds, medians over the rounds.
#[derive(Clone, Copy, Debug)]
struct Ours {
    program: f64,
    library: f64,
}

impl Ours {
    fn measure(file: &Path, out: &Path, pool: &ThreadPool) -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("cannot find this program")?;
        let mut program = Vec::new();
        let mut library = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            // The product's commands are this program's, too.
            let mut decompress = Command::new(&this);
            decompress.arg("decompress").arg(file).arg("-o").arg(out).arg("--force").stdout(Stdio::null());
            decompress.env("RAYON_NUM_THREADS", pool.current_num_threads().to_string());
            python::check(&mut decompress, "decompress the file")?;
            program.push(start.elapsed().as_secs_f64());

            let start = Instant::now();
            pool.install(|| decode(file))?;
            library.push(start.elapsed().as_secs_f64());
        }
        Ok(Self { program: median(program), library: median(library) })
    }
}

/// Opens a file and decodes every tensor, to values where it has a codebook.
fn decode(file: &Path) -> anyhow::Result<()> {
    let file = ModelFile::open(file)?;
    let bytes = file.tensors().par_iter().map(|tensor| -> anyhow::Result<usize> {
        Ok(if tensor.dtype().is_some() { tensor.data()?.len() } else { 4 * tensor.values()?.len() })
    });
    let bytes = bytes.collect::<Result<Vec<_>, _>>()?;
    ensure!(bytes.iter().sum::<usize>() > 0, "nothing was decoded");
    Ok(())
}

/// What the other codec reached.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Theirs {
    bits: f64,
    snr: f64,
    seconds: f64,
}

impl Theirs {
    fn measure(python: &Path, mini_lm: &Path, stream: &Path) -> anyhow::Result<Self> {
        Self::of_text(&python::output(python, "nncodec_decoding.py", [mini_lm, stream])?)
    }

    /// The last line that the script prints: bits a weight, dB, seconds.
    fn of_text(text: &str) -> anyhow::Result<Self> {
        let figures: Vec<f64> =
            text.lines().last().unwrap_or_default().split_whitespace().map_while(|word| word.parse().ok()).collect();
        let &[bits, snr, seconds] = figures.as_slice() else { bail!("three figures are expected, not {text:?}") };
        Ok(Self { bits, snr, seconds })
    }
}

/// The median of figures, of which there is at least one.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_three_figures() {
        let theirs = Theirs::of_text("a note\n4.25 20.5 1.5\n").expect("figures");
        assert_eq!(theirs, Theirs { bits: 4.25, snr: 20.5, seconds: 1.5 });
        for text in ["", "1 2", "1 2 x", "1 2 3 4"] {
            assert!(Theirs::of_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_median_does_not_mind_one_slow_round() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
    }
}
