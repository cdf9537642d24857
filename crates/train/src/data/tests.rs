//! Data sets, their folders and their batches.

use super::*;

mod batches;
mod cifar;
mod csv;
mod idx;
mod npz;
mod png;

fn bytes(values: Vec<u8>) -> Pixels {
    Pixels::Bytes { values, divisor: 255 }
}

#[test]
fn a_data_set_that_contradicts_itself_is_refused() {
    let make = |pixels, shape: &[usize], labels: &[u32], classes| {
        Dataset::new("d", pixels, shape.to_vec(), labels.to_vec(), classes).map(|data| data.len())
    };
    assert!(matches!(make(bytes(vec![0; 4]), &[2], &[0, 1], 2), Ok(2)));
    assert!(matches!(make(bytes(vec![]), &[2], &[], 2), Err(Error::Empty { .. })));
    assert!(matches!(make(bytes(vec![]), &[2, 0], &[0], 2), Err(Error::Empty { .. })));
    assert!(matches!(make(bytes(vec![0; 4]), &[usize::MAX, 2], &[0], 2), Err(Error::Empty { .. })));
    assert!(matches!(
        make(bytes(vec![0; 5]), &[2], &[0, 1], 2),
        Err(Error::Counts { values: 5, labels: 2, features: 2, .. })
    ));
    assert!(matches!(make(bytes(vec![0; 4]), &[2], &[0, 2], 2), Err(Error::Label { item: 1, label: 2, .. })));
    let floats = Pixels::Floats(vec![0.0, 1.0, f32::NAN, 0.5]);
    assert!(matches!(make(floats, &[2], &[0, 1], 2), Err(Error::NotFinite { item: 1, feature: 0, .. })));
    let undivided = Pixels::Bytes { values: vec![0; 4], divisor: 0 };
    assert!(matches!(make(undivided, &[2], &[0, 1], 2), Err(Error::Setting { .. })));
}

#[test]
fn a_subset_has_the_items_asked_for_in_order() {
    let data = Dataset::new("d", bytes((0..12).collect()), vec![1, 1, 3], vec![0, 1, 2, 1], 3).unwrap();
    let subset = data.subset(&[3, 0]).unwrap();
    assert_eq!(subset.labels(), [1, 0]);
    assert_eq!(subset.pixels(), &bytes(vec![9, 10, 11, 0, 1, 2]));
    assert_eq!((subset.item_shape(), subset.classes(), subset.features()), ([1, 1, 3].as_slice(), 3, 3));
    assert!(matches!(data.subset(&[]), Err(Error::Empty { .. })));
}

#[test]
fn inputs_are_bytes_over_the_divisor_and_floats_as_they_are() {
    let data = Dataset::new("d", bytes((0..=255).collect()), vec![256], vec![0], 1).unwrap();
    let mut inputs = vec![0.0; 256];
    data.fill(&[0], None, &mut inputs);
    assert!(inputs.iter().enumerate().all(|(byte, &value)| value == byte as f32 / 255.0));

    let data = Dataset::new("d", Pixels::Floats(vec![-1.5, 2.0, 3.0, 4.0]), vec![2], vec![0, 0], 1).unwrap();
    let mut kept = vec![0.0; 2];
    data.fill(&[1, 0], Some(&[0]), &mut kept);
    assert_eq!(kept, [3.0, -1.5]);
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let part = |side: usize, label| Dataset::new("d", bytes(vec![0; side]), vec![side], vec![label], 3).unwrap();
    assert!(DataSource::new(part(4, 0), part(4, 2)).is_ok());
    assert!(matches!(DataSource::new(part(4, 0), part(5, 0)), Err(Error::ItemShapes { .. })));
    let narrow = Dataset::new("d", bytes(vec![0; 4]), vec![4], vec![0], 1).unwrap();
    assert!(matches!(DataSource::new(narrow, part(4, 2)), Err(Error::Label { label: 2, classes: 1, .. })));
}

#[test]
fn a_folder_without_data_says_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    for words in ["train-images-idx3-ubyte", "data_batch_1.bin", "CLASS/*.png"] {
        assert!(message.contains(words), "{message}");
    }
    for name in ["absent", "absent.npz", "absent.csv"] {
        assert!(matches!(open(&folder.path().join(name)), Err(Error::Read { .. })), "{name}");
    }
}

#[test]
fn a_file_that_ends_otherwise_says_which_endings_there_are() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["data.txt", "data", "data.npz.old"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "a,label\n1,2\n").unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, Error::UnknownFile { .. }), "{error}");
        assert!(error.to_string().contains(".npz or .csv"), "{error}");
    }
}
