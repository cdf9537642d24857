//! Golden files that hold other programs' models: they give the files that they gave when they were made.

use std::fs;
use std::path::{Path, PathBuf};

use mixpress_compress::ModelFile;
use mixpress_interchange::WriteOptions;

/// CRC-32 as zip has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// The lines of a text that tell of files, made anew of what was written.
fn lines(written: &[PathBuf], folder: &Path) -> Vec<String> {
    let line = |path: &PathBuf| {
        let (name, bytes) = (path.strip_prefix(folder).unwrap().to_str().unwrap(), fs::read(path).unwrap());
        format!("file {} {} bytes, crc32 {:08x}", name.replace('\\', "/"), bytes.len(), crc32(&bytes))
    };
    written.iter().map(line).collect()
}

#[test]
fn golden_models_come_back() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/golden");
    for name in ["constants", "twins", "external", "sharded", "half"] {
        let model = ModelFile::open(golden.join(format!("model-{name}.mxp"))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = model.skeleton().file_names().next().unwrap().to_owned();
        let options = WriteOptions { keep_shards: true, ..WriteOptions::default() };
        let written = model.restore(folder.path().join(own), &options).unwrap();
        let text = fs::read_to_string(golden.join(format!("model-{name}.txt"))).unwrap();
        let expected: Vec<&str> = text.lines().filter(|line| line.starts_with("file ")).collect();
        assert!(!expected.is_empty() && lines(&written, folder.path()) == expected, "{name}: {expected:#?}");
    }
}
