//! Bits a weight by trellis-coded quantisation of a safetensors file at a signal-to-noise ratio:
//! `trellis FILE [NAMES [EFFORT [DB...]]]`. With an effort of `5-` matrices are not predicted from each other.
//!
//! All tensors with two axes whose names contain `NAMES` are quantised at one step and encoded to a section; everything
//! that a reader needs is in its bytes, the shapes aside. Times are those of the threads that rayon has.

use std::time::Instant;

use mixpress_codebook::trellis::Section;
use mixpress_quantize::{TrellisCoded, TrellisPlan, TrellisProfile, states_of_effort};
use safetensors::{Dtype, SafeTensors};

type Failure = Box<dyn std::error::Error>;

struct Tensor {
    shape: [usize; 2],
    weights: Vec<f32>,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: trellis FILE [NAMES [EFFORT [DB...]]]")?;
    let part = arguments.next().unwrap_or_default();
    let effort = arguments.next().unwrap_or_else(|| "5".into());
    let (effort, is_alone) = effort.strip_suffix('-').map_or((&*effort, false), |effort| (effort, true));
    let effort = effort.parse()?;
    let states = states_of_effort(effort);
    let ratios: Vec<f64> = arguments.map(|ratio| ratio.parse()).collect::<Result<_, _>>()?;
    let ratios = if ratios.is_empty() { vec![13.1, 20.8, 30.1] } else { ratios };
    let bytes = std::fs::read(path)?;
    let tensors = matrices(&SafeTensors::deserialize(&bytes)?, &part);
    let count: usize = tensors.iter().map(|tensor| tensor.weights.len()).sum();
    let energy: f64 = tensors.iter().flat_map(|tensor| &tensor.weights).map(|&w| f64::from(w) * f64::from(w)).sum();

    let since = Instant::now();
    let profile = |tensor: &Tensor| {
        let profile = TrellisProfile::new(tensor.shape, &tensor.weights)?;
        Ok(if is_alone { profile } else { profile.with_effort(&tensor.weights, effort) })
    };
    let profiles = tensors.iter().map(profile).collect::<Result<Vec<_>, mixpress_quantize::Error>>()?;
    println!("{} tensors, {count} weights, profiles in {:?}", tensors.len(), since.elapsed());
    let since = Instant::now();
    let plan = if is_alone { TrellisPlan::without_pairs(profiles) } else { TrellisPlan::new(profiles) };
    println!("partners {:?} in {:?}", plan.partners(), since.elapsed());
    let coded = |step: f64| -> Result<TrellisCoded, Failure> {
        Ok(plan.quantize(|number| &tensors[number].weights, &vec![step as f32; tensors.len()], states)?)
    };
    for ratio in ratios {
        let wanted = energy / 10f64.powf(ratio / 10.0);
        let mut step = (wanted / count as f64 / 0.26).sqrt();
        for _ in 0..5 {
            let distortion = coded(step)?.distortion;
            step *= (wanted / distortion).sqrt();
            if (10.0 * (distortion / wanted).log10()).abs() < 1e-4 {
                break;
            }
        }
        let since = Instant::now();
        let coded = coded(step)?;
        let quantized = since.elapsed();
        let since = Instant::now();
        let section = coded.encode()?;
        let encoded = since.elapsed();
        report(&tensors, &section, energy)?;
        let predicted = coded.matrices.iter().filter(|matrix| matrix.prediction.is_some()).count();
        let patches: usize = coded.matrices.iter().map(|matrix| matrix.patches.len()).sum();
        println!(
            "    step {step:.6}, distortion {:.4} steps², {patches} patches, {predicted} predicted, {} classes from {}; \
             million weights a second: quantised {:.1}, with encoding {:.1}",
            coded.distortion / count as f64 / step / step,
            coded.model.classes,
            coded.model.lowest,
            count as f64 / quantized.as_secs_f64() / 1e6,
            count as f64 / (quantized + encoded).as_secs_f64() / 1e6,
        );
    }
    Ok(())
}

/// Decodes the section as a reader would, and says what it comes to.
fn report(tensors: &[Tensor], section: &[u8], energy: f64) -> Result<(), Failure> {
    let shapes: Vec<[usize; 2]> = tensors.iter().map(|tensor| tensor.shape).collect();
    let mut values: Vec<Vec<f32>> = tensors.iter().map(|tensor| vec![0.0; tensor.weights.len()]).collect();
    let (mut fastest, mut opened) = (f64::INFINITY, f64::INFINITY);
    let count: usize = values.iter().map(Vec::len).sum();
    for _ in 0..(200_000_000 / count.max(1)).clamp(3, 100) {
        let since = Instant::now();
        let mut outputs: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
        let section = Section::open(section, &shapes)?;
        opened = opened.min(since.elapsed().as_secs_f64());
        section.decode(&mut outputs)?;
        fastest = fastest.min(since.elapsed().as_secs_f64());
    }
    let pairs = tensors.iter().zip(&values).flat_map(|(tensor, values)| tensor.weights.iter().zip(values));
    let error: f64 = pairs.map(|(&w, &v)| (f64::from(w) - f64::from(v)).powi(2)).sum();
    println!(
        "{:.3} dB, {:.4} bits a weight, {} bytes, {} of them the head; \
         decoded at {:.0} million weights a second, the head in {:.2} ms",
        10.0 * (energy / error).log10(),
        8.0 * section.len() as f64 / count as f64,
        section.len(),
        section.first_chunk().map_or(0, |length| u32::from_le_bytes(*length)),
        count as f64 / fastest / 1e6,
        opened * 1e3,
    );
    Ok(())
}

/// The tensors with two axes whose names contain `part`, in the file's order.
fn matrices(file: &SafeTensors, part: &str) -> Vec<Tensor> {
    let mut names = file.names();
    names.sort_unstable();
    let mut found = Vec::new();
    for name in names {
        let Ok(tensor) = file.tensor(name) else { continue };
        let &[rows, columns] = tensor.shape() else { continue };
        if tensor.dtype() != Dtype::F32 || !name.contains(part) {
            continue;
        }
        let weights = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        found.push(Tensor { shape: [rows, columns], weights });
    }
    found
}
