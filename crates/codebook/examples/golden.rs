//! Writes the golden files of the format: `cargo run -p mixpress-codebook --example golden` from the repository's root.
//!
//! Beside each `NAME.mxp` stands `NAME.txt`, what the file holds: metadata, and for each tensor its name, type, shape,
//! and the length and CRC-32 of its values' little-endian bytes. `docs/format/decode.py --check docs/format/golden` and a
//! test of this crate compare what they read with it.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("docs/format/golden");
    fs::create_dir_all(folder)?;
    for (name, container) in common::golden_containers() {
        let bytes = mixpress_codebook::encode(&container)?;
        fs::write(folder.join(format!("{name}.mxp")), &bytes)?;
        fs::write(folder.join(format!("{name}.txt")), common::summary(&container))?;
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}
