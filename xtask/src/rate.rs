//! `cargo xtask bench --rate`: bits a weight at signal-to-noise ratios, and speeds, of real models; beside `NNCodec`, and of
//! models kept bit for bit beside `zstd` and `ZipNN`, where pip can install them.

mod lossless;
pub mod nncodec;
mod ours;
pub mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use self::lossless::OfModel;
use self::nncodec::Theirs;
use self::ours::{Coding, Ours};
use crate::results::processor;
use crate::test_models::{layer::LAYER, table::Table};
use crate::{models, repository};

/// Signal-to-noise ratios in dB: about 2, 3.3 and 4.8 bits a weight.
const RATIOS: [f64; 3] = [13.1, 20.8, 30.1];
const CODINGS: [Coding; 4] = [Coding::Codebooks, Coding::Effort(1), Coding::Effort(5), Coding::Effort(9)];

/// All that was measured.
#[derive(Debug, Serialize)]
struct Rates {
    threads: usize,
    processor: String,
    weights: Vec<OfWeights>,
    lossless: Vec<OfModel>,
}

/// What some weights take.
#[derive(Debug, Serialize)]
struct OfWeights {
    of: &'static str,
    weights: u64,
    rows: Vec<AtRatio>,
}

/// What they take at a ratio.
#[derive(Debug, Serialize)]
struct AtRatio {
    ratio_db: f64,
    nncodec: Option<Theirs>,
    mixpress: Vec<Ours>,
}

/// Measures and prints.
///
/// # Errors
/// If models cannot be fetched, or something of ours fails. A codec that cannot be installed is told and no error.
pub fn run(json: bool) -> anyhow::Result<()> {
    let folder = repository::root().join("target/rate");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let models::Models { mini_lm, all } = models::fetch()?;
    let [detection, recognition] = models::fetch_ocr()?;
    let speech =
        all.iter().find(|path| path.ends_with("silero_vad_16k_op15.onnx")).context("no model of Silero VAD")?;
    // What the names of the weights hold, and the model.
    let sets = [
        ("MiniLM, layer 0", LAYER, &mini_lm),
        ("MiniLM", "", &mini_lm),
        ("PP-OCRv4, detection", "", &detection),
        ("PP-OCRv4, recognition", "", &recognition),
        ("Silero VAD", "", speech),
    ];
    let nncodec = nncodec::python();
    if let Err(error) = &nncodec {
        eprintln!("NNCodec is not compared: {error:#}");
    }
    let mut rates = Rates {
        threads: rayon::current_num_threads(),
        processor: processor(),
        weights: Vec::new(),
        lossless: Vec::new(),
    };
    for (of, part, model) in sets {
        rates.weights.push(measure(of, model, part, nncodec.as_ref().ok(), &folder)?);
    }
    eprintln!("measuring: lossless");
    rates.lossless = lossless::measure(&mini_lm, &folder)?;
    if json {
        println!("{}", serde_json::to_string(&rates)?);
    } else {
        print(&rates);
    }
    Ok(())
}

/// The weights with two axes or more of a model whose names hold `part`, in all codings.
fn measure(
    of: &'static str,
    model: &Path,
    part: &str,
    nncodec: Option<&PathBuf>,
    folder: &Path,
) -> anyhow::Result<OfWeights> {
    eprintln!("measuring: {of}");
    let cut = folder.join("weights.safetensors");
    let weights = weights::cut_out(model, &cut, |name, shape| shape.len() >= 2 && name.contains(part))?;
    let theirs = nncodec.map(|python| nncodec::measure(python, &cut, &RATIOS)).transpose()?;
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let row = |(place, &ratio_db): (usize, &f64)| -> anyhow::Result<AtRatio> {
        let mixpress =
            CODINGS.iter().map(|&coding| Ours::measure(&cut, ratio_db, coding, &one)).collect::<anyhow::Result<_>>()?;
        Ok(AtRatio { ratio_db, nncodec: theirs.as_ref().map(|theirs| theirs[place].clone()), mixpress })
    };
    let rows = RATIOS.iter().enumerate().map(row).collect::<anyhow::Result<_>>()?;
    Ok(OfWeights { of, weights, rows })
}

fn print(rates: &Rates) {
    let Rates { threads, processor, weights, lossless } = rates;
    println!(
        "{processor}, {threads} threads; million weights a second: encoded on all threads (ours from model to file, read back), decoded on one\n"
    );
    for OfWeights { of, weights, rows } in weights {
        let mut table = Table::new(&[&format!("{of}: {weights} weights"), "dB", "bits", "encoded", "decoded"]);
        for AtRatio { ratio_db, nncodec, mixpress } in rows {
            let mut add = |name: &str, ratio: f64, bits: f64, encoded: f64, decoded: f64| {
                let figures = [format!("{bits:.4}"), format!("{encoded:.1}"), format!("{decoded:.0}")];
                let [bits, encoded, decoded] = figures;
                table.add_row([name.to_owned(), format!("{ratio:.3}"), bits, encoded, decoded]);
            };
            if let Some(Theirs { bits, encoded_million_per_second: encoded, decoded_million_per_second: decoded }) =
                nncodec
            {
                add("NNCodec 2.1.3", *ratio_db, *bits, *encoded, *decoded);
            }
            for ours in mixpress {
                let name = match ours.coding {
                    Coding::Codebooks => "mixpress --codebooks".to_owned(),
                    Coding::Effort(effort) => format!("mixpress --effort {effort}"),
                };
                let Ours { bits, snr_db, encoded_million_per_second, decoded_million_per_second, .. } = *ours;
                add(&name, snr_db, bits, encoded_million_per_second, decoded_million_per_second);
            }
        }
        println!("{}\n", table.text());
    }
    for OfModel { model, bytes, codecs } in lossless {
        let mut table =
            Table::new(&[&format!("MiniLM, {model}: {bytes} bytes"), "bytes", "of it", "s to make", "s to read"]);
        for codec in codecs {
            table.add_row([
                codec.codec.clone(),
                codec.bytes.to_string(),
                format!("{:.1} %", 100.0 * codec.bytes as f64 / *bytes as f64),
                format!("{:.2}", codec.encoding_seconds),
                format!("{:.2}", codec.decoding_seconds),
            ]);
        }
        println!("{}\n", table.text());
    }
}
