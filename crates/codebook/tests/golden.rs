//! The golden files of the format: they decode to what they were made from, and are still written byte for byte.

mod common;

use std::{fs, path::PathBuf};

use mixpress_codebook::{decode, encode};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/golden")
}

#[test]
fn golden_files_decode_to_what_they_were_made_from() {
    for (name, container) in common::golden_containers() {
        let bytes = fs::read(folder().join(format!("{name}.mxp"))).unwrap();
        assert_eq!(decode(&bytes).unwrap(), container, "{name}");
        let summary = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        assert_eq!(common::summary(&container), summary, "{name}");
    }
}

/// When this fails the format has changed: `cargo run -p mixpress-codebook --example golden` writes the new files, and
/// `docs/format.md`, `docs/format/decode.py` and the version follow.
#[test]
fn golden_files_are_written_byte_for_byte() {
    for (name, container) in common::golden_containers() {
        let bytes = fs::read(folder().join(format!("{name}.mxp"))).unwrap();
        assert!(encode(&container).unwrap() == bytes, "{name} is written otherwise");
    }
}
