//! Bits a weight of a safetensors file at a signal-to-noise ratio: `rate FILE [NAMES [DB...]]`.
//!
//! All tensors with two axes whose names contain `NAMES` are quantised at one step and encoded to the bytes of a file.

use std::time::Instant;

use mixpress_codebook::{Container, encode};
use mixpress_quantize::{OperatingPoint, Profile, Source, Stored, Target, find_step};
use safetensors::{Dtype, SafeTensors};

type Failure = Box<dyn std::error::Error>;

struct Tensor {
    name: String,
    shape: Vec<usize>,
    weights: Vec<f32>,
    stored: Stored,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: rate FILE [NAMES [DB...]]")?;
    let part = arguments.next().unwrap_or_default();
    let ratios: Vec<f64> = arguments.map(|ratio| ratio.parse()).collect::<Result<_, _>>()?;
    let ratios = if ratios.is_empty() { vec![13.1, 20.8, 30.1] } else { ratios };
    let bytes = std::fs::read(path)?;
    let tensors = matrices(&SafeTensors::deserialize(&bytes)?, &part);

    let since = Instant::now();
    let profiles = tensors.iter().map(|t| Profile::new(&t.weights)).collect::<Result<Vec<_>, _>>()?;
    println!("{} tensors, profiles in {:?}", tensors.len(), since.elapsed());
    let sources: Vec<Source> = (profiles.iter().zip(&tensors))
        .map(|(profile, tensor)| Source { profile, sensitivity: 1.0, stored: tensor.stored, trellis: None })
        .collect();
    for ratio in ratios {
        let since = Instant::now();
        let point = find_step(&sources, Target::SignalToNoise(ratio))?;
        let searched = since.elapsed();
        report(&tensors, &sources, &point)?;
        println!("    search {searched:?}");
    }
    Ok(())
}

fn report(tensors: &[Tensor], sources: &[Source], point: &OperatingPoint) -> Result<(), Failure> {
    let since = Instant::now();
    let mut container = Container::default();
    let (mut rate, mut distortion) = (0.0, 0.0);
    for (tensor, source) in tensors.iter().zip(sources) {
        let coded = source.quantizer(point.step).quantize(&tensor.name, &*tensor.shape, &tensor.weights)?;
        rate += coded.rate;
        distortion += coded.distortion;
        container.entries.push(coded.tensor.into());
    }
    let quantized = since.elapsed();
    let since = Instant::now();
    let bytes = encode(&container)?;
    let count = point.weights as f64;
    println!(
        "{:.3} dB (estimated {:.3}), {:.4} bits a weight (estimated {:.4}, by counts {:.4}), step {:.5}",
        10.0 * (point.energy / distortion).log10(),
        point.signal_to_noise(),
        8.0 * bytes.len() as f64 / count,
        point.bits_per_weight(),
        rate / count,
        point.step,
    );
    println!("    quantising {quantized:?}, encoding {:?}", since.elapsed());
    Ok(())
}

/// The tensors with two axes and of a float type, in the order of their names.
fn matrices(file: &SafeTensors, part: &str) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    for (name, view) in file.tensors().into_iter().filter(|(name, view)| name.contains(part) && view.shape().len() == 2)
    {
        let data = view.data();
        let pairs = || data.as_chunks::<2>().0.iter();
        let (stored, weights) = match view.dtype() {
            Dtype::F32 => (Stored::F32, data.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()),
            Dtype::F16 => (Stored::F16, pairs().map(|&b| half::f16::from_le_bytes(b).to_f32()).collect()),
            Dtype::BF16 => (Stored::BF16, pairs().map(|&b| half::bf16::from_le_bytes(b).to_f32()).collect()),
            _ => continue,
        };
        tensors.push(Tensor { name, shape: view.shape().to_vec(), weights, stored });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors
}
