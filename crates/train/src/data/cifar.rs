//! The binary files of CIFAR-10: five of training samples, one of test samples.
//!
//! A file is a row of records: one byte of label, then 3,072 bytes of pixels, the red plane first, each plane row by row
//! (32x32). The usual file has 10,000 records; there is no header, and any whole number of records is taken.

use std::fs;
use std::path::Path;

use super::{DataSource, Dataset, Pixels};
use crate::Error;

const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: [&str; 1] = ["test_batch.bin"];
const SHAPE: [usize; 3] = [3, 32, 32];
const FEATURES: usize = 3 * 32 * 32;
const RECORD: usize = 1 + FEATURES;
const CLASSES: usize = 10;

/// For the message about an unknown folder.
pub(super) const LOOKED_FOR: &str = "data_batch_1.bin to data_batch_5.bin and test_batch.bin";

/// Whether any of the six files is in the folder.
pub(super) fn is_here(folder: &Path) -> bool {
    TRAIN.iter().chain(&TEST).any(|name| folder.join(name).is_file())
}

/// Reads the six files of a folder; `is_here` says whether to try.
pub(super) fn open(folder: &Path) -> Result<DataSource, Error> {
    for (names, role) in [(TRAIN.as_slice(), "training samples"), (TEST.as_slice(), "test samples")] {
        if let Some(name) = names.iter().find(|name| !folder.join(name).is_file()) {
            return Err(Error::MissingFile { folder: folder.into(), file: (*name).into(), role });
        }
    }
    DataSource::new(read(folder, &TRAIN)?, read(folder, &TEST)?)
}

fn read(folder: &Path, names: &[&str]) -> Result<Dataset, Error> {
    let mut values = Vec::new();
    let mut labels = Vec::new();
    for name in names {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let rest = bytes.len() % RECORD;
        if rest > 0 || bytes.is_empty() {
            return Err(Error::Truncated { path, what: "a record", expected: RECORD as u64, found: rest as u64 });
        }
        for record in bytes.chunks_exact(RECORD) {
            if usize::from(record[0]) >= CLASSES {
                let (name, item) = (path.display().to_string(), labels.len());
                return Err(Error::Label { name, item, label: record[0].into(), classes: CLASSES });
            }
            labels.push(record[0].into());
            values.extend_from_slice(&record[1..]);
        }
    }
    Dataset::new("cifar-10", Pixels::Bytes { values, divisor: 255 }, SHAPE.to_vec(), labels, CLASSES)
}
