//! Writes an `.mxp` file of some 20 MB: 44 million weights on 16 levels in four tensors, for whoever times the program's
//! commands on large files. `cargo run --release -p mixpress-benches --example large_file -- target/large.mxp`
#![allow(clippy::print_stdout, reason = "it is a program")]

use mixpress::codebook::{Codebook, Container, QuantizedTensor, encode};
use mixpress_benches::streams::dense;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("say where to write the file")?;
    let stream = dense();
    let (rows, columns, indices) = &stream.matrices[0];
    let values: Vec<f32> = (0..stream.levels).map(|level| (level as f32 - stream.zero as f32) / 32.0).collect();
    let tensor = |number: usize| {
        let codebook = Codebook::Values(values.clone());
        QuantizedTensor::new(format!("layer{number}.weight"), [*rows, *columns], codebook, indices.clone())
    };
    let entries = (1..=4).map(|number| Ok(tensor(number)?.into())).collect::<Result<_, mixpress::codebook::Error>>()?;
    let bytes = encode(&Container { entries, ..Container::default() })?;
    std::fs::write(path, &bytes)?;
    println!("{} bytes", bytes.len());
    Ok(())
}
