//! Checkpoints come back as they were, or not at all.

use proptest::prelude::*;

use super::*;

fn example() -> Snapshot {
    let mut snapshot = Snapshot::new();
    snapshot.put_f32("fc1.weight", &[2, 3], &[1.0, -0.0, f32::MIN_POSITIVE, f32::INFINITY, 1e-45, 3.5]);
    snapshot.put_f64("means", &[3], &[-0.1, 0.0, 0.1]);
    snapshot.put_u8("indices", &[4], &[0, 255, 1, 2]);
    snapshot.put_u16("wide", &[2, 1], &[0, u16::MAX]);
    snapshot.put_u32("live", &[0, 7], &[]);
    snapshot.put_u64("steps", &[], &[u64::MAX - 1]);
    snapshot.put_text("phase", "joint");
    snapshot.put_text("recipe", "seed = 1\n\"quoted\" ä\n");
    snapshot
}

fn bytes_of(snapshot: &Snapshot) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    snapshot.save(&path).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn a_snapshot_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    example().save(&path).unwrap();
    let again = Snapshot::load(&path).unwrap();
    assert_eq!(again, example());
    assert_eq!(again.get_f32("fc1.weight").unwrap()[1].to_bits(), (-0.0_f32).to_bits());
    assert_eq!(again.get_u64("steps").unwrap(), [u64::MAX - 1]);
    assert_eq!(again.shape("live").unwrap(), [0, 7]);
    assert_eq!(again.names().collect::<Vec<_>>(), ["fc1.weight", "indices", "live", "means", "steps", "wide"]);
    // Nothing else stands in the folder, and saving again gives the same bytes.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(bytes_of(&again), bytes_of(&example()));
    Snapshot::new().save(&path).unwrap();
    assert_eq!(Snapshot::load(&path).unwrap(), Snapshot::new());
}

#[test]
fn values_that_are_no_numbers_survive() {
    let mut snapshot = Snapshot::new();
    snapshot.put_f32("nan", &[1], &[f32::from_bits(0x7fc0_1234)]);
    let again = Snapshot::from_bytes(&bytes_of(&snapshot)).unwrap();
    assert_eq!(again.get_f32("nan").unwrap()[0].to_bits(), 0x7fc0_1234);
}

#[test]
fn an_entry_that_is_not_there_or_of_another_type_is_named() {
    let message = |result: Result<&[f32], Error>| result.unwrap_err().to_string();
    assert!(message(example().get_f32("fc9.bias")).contains("`fc9.bias` is missing"));
    assert!(message(example().get_f32("means")).contains("`means` holds F64, not f32"));
    assert!(matches!(example().get_text("none"), Err(Error::CheckpointEntry { .. })));
    assert!(matches!(example().shape("none"), Err(Error::CheckpointEntry { .. })));
}

#[test]
#[should_panic(expected = "w of shape [2, 2] was given 3 values")]
fn a_shape_that_does_not_fit_is_a_mistake_of_the_caller() {
    Snapshot::new().put_f32("w", &[2, 2], &[1.0, 2.0, 3.0]);
}

#[test]
fn files_of_others_are_refused_with_a_reason() {
    let foreign = safetensors::serialize(&example().arrays, None).unwrap();
    assert!(Snapshot::from_bytes(&foreign).unwrap_err().contains("did not write"));
    let metadata = |text: &str| Some(HashMap::from([(KEY.to_owned(), text.to_owned())]));
    let newer = safetensors::serialize(&example().arrays, metadata(r#"{"version":2,"crc32":0,"text":{}}"#)).unwrap();
    assert!(Snapshot::from_bytes(&newer).unwrap_err().contains("version 2"));
    let text = safetensors::serialize(&example().arrays, metadata("{")).unwrap();
    assert!(Snapshot::from_bytes(&text).unwrap_err().contains("metadata is damaged"));
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    // A folder under the target's name lets the writing succeed and the renaming fail.
    let path = folder.path().join("taken");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), "precious").unwrap();
    let error = example().save(&path).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert!(error.to_string().contains("taken"), "{error}");
    assert_eq!(fs::read_to_string(path.join("inside")).unwrap(), "precious");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(example().save(&folder.path().join("absent").join("file")), Err(Error::Write { .. })));
    assert!(matches!(Snapshot::load(&folder.path().join("absent")), Err(Error::Read { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_cut_anywhere_is_refused(at: prop::sample::Index) {
        let bytes = bytes_of(&example());
        prop_assert!(Snapshot::from_bytes(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn a_changed_byte_is_noticed_or_changes_nothing(at: prop::sample::Index, flip in 1_u8..) {
        let mut bytes = bytes_of(&example());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(snapshot) = Snapshot::from_bytes(&bytes) {
            prop_assert_eq!(snapshot, example());
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Snapshot::from_bytes(&bytes).is_err());
    }
}
