//! CIFAR-10's binary layout, written here in miniature.

use std::fs;
use std::path::Path;

use crate::data::{Pixels, open};
use crate::error::Error;

fn record(label: u8) -> Vec<u8> {
    std::iter::once(label).chain((0..3072_u32).map(|at| (at / 1024) as u8 + 10 * label)).collect()
}

fn write_all(folder: &Path) {
    for batch in 1..=5 {
        fs::write(folder.join(format!("data_batch_{batch}.bin")), [record(batch), record(0)].concat()).unwrap();
    }
    fs::write(folder.join("test_batch.bin"), record(9)).unwrap();
}

#[test]
fn records_come_in_the_order_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let source = open(folder.path()).unwrap();
    assert_eq!(source.train.labels(), [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
    assert_eq!((source.test.labels(), source.test.item_shape()), ([9].as_slice(), [3, 32, 32].as_slice()));
    let Pixels::Bytes { values, divisor: 255 } = source.test.pixels() else { panic!("bytes over 255") };
    assert_eq!((values[0], values[1023], values[1024], values[3071]), (90, 90, 91, 92));
}

#[test]
fn every_way_to_be_wrong_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data_batch_3.bin");
    write_all(folder.path());
    fs::write(&path, &record(1)[..3000]).unwrap();
    assert!(matches!(open(folder.path()), Err(Error::Truncated { found: 3000, expected: 3073, .. })));
    fs::write(&path, []).unwrap();
    assert!(matches!(open(folder.path()), Err(Error::Truncated { found: 0, .. })));
    fs::write(&path, record(10)).unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("data_batch_3.bin") && message.contains("label 10"), "{message}");
    fs::remove_file(&path).unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("data_batch_3.bin"), "{message}");
}
