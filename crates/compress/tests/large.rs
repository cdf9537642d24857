//! A model of four gigabytes, compressed and restored in little memory.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use mixpress_compress::{Goal, ModelCompressor, Overwrite, WriteOptions, restore};
use mixpress_testing::peak_memory;

/// Rows and columns of a tensor, and how many tensors there are: 4 GiB of f32.
const SIDE: usize = 4096;
const TENSORS: usize = 64;
/// What a file may take besides a few times its largest tensor.
const BESIDES: u64 = 300_000_000;
const COPIES: u64 = 4;

/// Tensors of bell-shaped weights, each of its own scale.
fn make(path: &Path) {
    let bytes = 4 * SIDE * SIDE;
    let entry = |number: usize| {
        let (from, to) = (number * bytes, (number + 1) * bytes);
        format!(r#""w{number}":{{"dtype":"F32","shape":[{SIDE},{SIDE}],"data_offsets":[{from},{to}]}}"#)
    };
    let header = format!("{{{}}}", (0..TENSORS).map(entry).collect::<Vec<_>>().join(","));
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let mut seed = 1_u64;
    let mut bell = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bytes = seed.to_le_bytes();
        bytes[2..].iter().map(|&byte| f32::from(byte) - 127.5).sum::<f32>()
    };
    for number in 0..TENSORS {
        let scale = 1e-4 * (1 + number) as f32;
        for _ in 0..SIDE {
            let row: Vec<u8> = (0..SIDE).flat_map(|_| (scale * bell()).to_le_bytes()).collect();
            file.write_all(&row).unwrap();
        }
    }
    file.flush().unwrap();
}

#[test]
#[ignore = "writes 9 GB to the disk; run it alone: cargo test --release -p mixpress-compress --test large -- --ignored --nocapture"]
fn four_gigabytes_are_compressed_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let [source, file, back] =
        ["large.safetensors", "large.mxp", "back.safetensors"].map(|name| folder.path().join(name));
    make(&source);
    let compressor = ModelCompressor::open(&source).unwrap().goal(Goal::BitsPerWeight(4.0));
    let outcome = compressor.run_to(&file, Overwrite::Refuse).unwrap();
    assert!(outcome.bits_per_weight <= 4.0 && outcome.snr_db > 20.0, "{} {}", outcome.bits_per_weight, outcome.snr_db);
    let compressed = peak_memory();
    restore(&file, &back, &WriteOptions::default()).unwrap();
    assert_eq!(back.metadata().unwrap().len(), source.metadata().unwrap().len());
    let allowed = COPIES * (4 * SIDE * SIDE) as u64 + BESIDES;
    println!(
        "{:.0} s, {compressed} bytes of memory to compress, {} in all, of {allowed}",
        outcome.seconds,
        peak_memory()
    );
    assert!(peak_memory() <= allowed, "{} of {allowed}", peak_memory());
}
