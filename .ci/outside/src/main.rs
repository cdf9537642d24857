//! Opens .mxp files with `mixpress-codebook` alone and lists their tensors.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let container = mixpress_codebook::decode(&std::fs::read(&path)?)?;
        println!("{path}: {} tensors", container.entries.len());
    }
    Ok(())
}
