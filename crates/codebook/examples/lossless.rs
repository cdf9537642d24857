//! Holds a safetensors file as an `.mxp` file of plain tensors, to the last bit, and says what that takes beside
//! Zstandard at level 19, tensor by tensor:
//! `cargo run --release -p mixpress-codebook --example lossless -- MODEL.safetensors [bf16|f16]`.
//!
//! With a type, f32 tensors are rounded to it first. Threads are those of `RAYON_NUM_THREADS`.

use std::{error::Error, fs, time::Instant};

use half::{bf16, f16};
use mixpress_codebook::{Archive, ContainerWriter, Dtype, Entry, Limits, Outline, PlainTensor};
use safetensors::SafeTensors;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("a safetensors file is needed")?;
    let rounding = arguments.next();
    let file = fs::read(path)?;
    let entries = entries(&file, rounding.as_deref())?;
    let total: usize = entries.iter().map(|tensor| tensor.data().len()).sum();
    let megabytes = total as f64 / 1e6;
    let largest = entries.iter().max_by_key(|tensor| tensor.data().len()).ok_or("there is no tensor")?.clone();
    let entries: Vec<Entry> = entries.into_iter().map(Entry::from).collect();

    let begin = Instant::now();
    let outline = Outline { tensors: entries.iter().map(Into::into).collect(), ..Outline::default() };
    let mut writer = ContainerWriter::new(outline, tempfile::tempfile()?)?;
    writer.push_all(&entries)?;
    let mut out = tempfile::tempfile()?;
    let bytes = writer.finish(&mut out)?;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{total} bytes of values, {bytes} bytes of file: {:.4}", bytes as f64 / total as f64);
    println!("written in {seconds:.1} s, {:.0} MB/s", megabytes / seconds);

    let limits = Limits::tensor_by_tensor();
    let (archive, parts) = Archive::open_file_with_limits(out, limits)?;
    let begin = Instant::now();
    for (stored, entry) in archive.tensors().iter().zip(&entries) {
        if let Entry::Plain(tensor) = entry {
            assert!(stored.data()? == tensor.data(), "{} has changed", stored.name());
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("read tensor by tensor in {seconds:.2} s, {:.0} MB/s", megabytes / seconds);

    let begin = Instant::now();
    let (mut sum, mut larger) = (0, 0);
    for (entry, part) in entries.iter().zip(&parts.tensors) {
        if let Entry::Plain(tensor) = entry {
            let zstd = zstd::bulk::compress(tensor.data(), 19)?.len();
            sum += zstd;
            if part.total() > zstd as f64 {
                larger += 1;
                println!("{}: {:.0} bytes, {zstd} by Zstandard, {}", part.name, part.total(), part.coding);
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("Zstandard -19: {sum} bytes, {:.4}, {:.1} s on one thread", sum as f64 / total as f64, seconds);
    println!("{larger} of {} tensors are larger than by Zstandard", entries.len());
    let whole = zstd::bulk::compress(largest.data(), 19)?.len() as f64;
    let part = parts.tensors.iter().find(|part| part.name == largest.name()).ok_or("a tensor is missing")?;
    let share = |bytes: f64| bytes / largest.data().len() as f64;
    println!("{}: {:.4}, by Zstandard {:.4}", largest.name(), share(part.total()), share(whole));
    Ok(())
}

/// The tensors of a file, those of f32 rounded.
fn entries(file: &[u8], rounding: Option<&str>) -> Result<Vec<PlainTensor>, Box<dyn Error>> {
    let mut out = Vec::new();
    for (name, view) in SafeTensors::deserialize(file)?.iter() {
        let dtype = match view.dtype() {
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::F16 => Dtype::F16,
            safetensors::Dtype::BF16 => Dtype::Bf16,
            safetensors::Dtype::F64 => Dtype::F64,
            safetensors::Dtype::I64 => Dtype::I64,
            safetensors::Dtype::I32 => Dtype::I32,
            safetensors::Dtype::U8 => Dtype::U8,
            other => return Err(format!("{name} is of type {other:?}").into()),
        };
        let values = || view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        let (dtype, data) = match (dtype, rounding) {
            (Dtype::F32, Some("bf16")) => {
                (Dtype::Bf16, values().flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect())
            }
            (Dtype::F32, Some("f16")) => {
                (Dtype::F16, values().flat_map(|value| f16::from_f32(value).to_le_bytes()).collect())
            }
            (dtype, _) => (dtype, view.data().to_vec()),
        };
        out.push(PlainTensor::from_bytes(name, view.shape(), dtype, data)?);
    }
    Ok(out)
}
