//! A model larger than what is held of it in memory.

mod common;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use common::unchanged;
use mixpress_interchange::{Model, WriteOptions};
use mixpress_testing::peak_memory;

/// Bytes of a tensor, and how many there are: 4 GiB.
const BYTES: usize = 64 << 20;
const TENSORS: usize = 64;

/// Tensors that differ in their last value alone, the last two in nothing.
fn make(path: &Path) {
    let entries: Vec<String> = (0..TENSORS)
        .map(|i| {
            format!(
                r#""w{i}":{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}}"#,
                BYTES / 4,
                i * BYTES,
                (i + 1) * BYTES
            )
        })
        .collect();
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&common::build::safetensors(&format!("{{{}}}", entries.join(",")), b"")).unwrap();
    let mut values = vec![0; BYTES];
    values.iter_mut().enumerate().for_each(|(place, value)| *value = (place * 7 % 251) as u8);
    for number in 0..TENSORS {
        values[BYTES - 4] = number.min(TENSORS - 2) as u8;
        file.write_all(&values).unwrap();
    }
    file.flush().unwrap();
}

fn same(a: &Path, b: &Path) -> bool {
    let mut files = [a, b].map(|path| File::open(path).unwrap());
    let mut parts = [vec![0; 1 << 20], vec![0; 1 << 20]];
    let length = files[0].metadata().unwrap().len();
    if length != files[1].metadata().unwrap().len() {
        return false;
    }
    let mut at = 0;
    while at < length {
        let part = (length - at).min(1 << 20) as usize;
        for (file, bytes) in files.iter_mut().zip(&mut parts) {
            file.read_exact(&mut bytes[..part]).unwrap();
        }
        if parts[0][..part] != parts[1][..part] {
            return false;
        }
        at += part as u64;
    }
    true
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes 8 GiB to the disk; run it alone: cargo test --release -p mixpress-interchange --test large -- --ignored"]
fn four_gigabytes_pass_through_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("large.safetensors"), folder.path().join("again.safetensors"));
    make(&source);
    let before = peak_memory();
    let start = std::time::Instant::now();
    let model = Model::open(&source).unwrap();
    let opened = start.elapsed();
    assert_eq!(model.tensors().len(), TENSORS - 1);
    assert_eq!(model.tensors()[TENSORS - 2].names(), ["w62", "w63"]);
    let start = std::time::Instant::now();
    model.skeleton().write(&target, &mut unchanged(&model), &WriteOptions::default()).unwrap();
    let (peak, written) = (peak_memory(), start.elapsed());
    println!("open {opened:?}, write {written:?}, peak {} MiB, {} MiB before", peak >> 20, before >> 20);
    assert!(same(&source, &target));
    // One payload, and what the process has anyway.
    assert!(peak < 2 * BYTES as u64, "{peak} bytes");
}
