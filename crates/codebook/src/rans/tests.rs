//! What every kernel has to do alike.

use mixpress_simd::Level;
use proptest::prelude::*;

use super::{decode::decode_at, *};
use crate::{Error, output::Output};

/// Indices of so many levels, the lower ones more likely the more `skew` there is.
fn draw(seed: u32, count: usize, levels: usize, skew: u32) -> Vec<u16> {
    let mut state = seed;
    let mut unit = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state) / 4_294_967_296.0
    };
    (0..count).map(|_| (unit().powi(skew as i32) * levels as f64) as u16).collect()
}

fn table(indices: &[u16], levels: usize) -> Vec<u32> {
    frequencies(&counts(indices, levels)).unwrap()
}

fn values(levels: usize) -> Vec<f32> {
    (0..levels).map(|i| i as f32 * 0.37 - 1.0).collect()
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

fn decoded<T: Output>(level: Level, bytes: &[u8], count: usize, frequencies: &[u32]) -> Result<Vec<T>, Error> {
    let mut out = vec![T::default(); count];
    decode_at(level, bytes, frequencies, &values(frequencies.len()), &mut out).map(|()| out)
}

/// Each output of every kernel is that of the plain one.
fn agree(bytes: &[u8], count: usize, frequencies: &[u32]) -> Result<Vec<u16>, Error> {
    let expected: Result<Vec<u16>, Error> = decoded(Level::Scalar, bytes, count, frequencies);
    let book = values(frequencies.len());
    let wanted_values = expected.clone().map(|e| e.iter().map(|&i| book[usize::from(i)]).collect::<Vec<f32>>());
    let wanted_bytes = expected.clone().map(|e| e.iter().map(|&i| i as u8).collect::<Vec<u8>>());
    for level in levels() {
        assert_eq!(decoded::<u16>(level, bytes, count, frequencies), expected, "{level}");
        assert_eq!(decoded::<f32>(level, bytes, count, frequencies), wanted_values, "{level}");
        if frequencies.len() <= 256 {
            assert_eq!(decoded::<u8>(level, bytes, count, frequencies), wanted_bytes, "{level}");
        }
    }
    expected
}

fn count() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..300, MIDDLE - 3..MIDDLE + 9, LONG - 2..LONG + 200]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn indices_come_back_near_their_entropy(
        levels in prop_oneof![1usize..40, 200usize..300], skew in 1u32..12, seed in any::<u32>(), count in count()
    ) {
        let indices = draw(seed, count, levels, skew);
        let counts = counts(&indices, levels);
        let f = frequencies(&counts).unwrap();
        prop_assert_eq!(f.iter().sum::<u32>(), 4096);
        let bytes = encode(&indices, &f);
        let expected = expected_len(&counts, &f);
        let near = 8.0 + 1.5 * lanes(count) as f64 + 0.01 * expected;
        prop_assert!((bytes.len() as f64 - expected).abs() < near, "{} {expected}", bytes.len());
        prop_assert_eq!(agree(&bytes, count, &f).unwrap(), indices);
        prop_assert!(agree(&bytes[..bytes.len() - 1], count, &f).is_err());
        prop_assert!(agree(&bytes[..bytes.len() / 2], count, &f).is_err());
    }

    #[test]
    fn forged_bytes_are_read_alike(
        levels in 1usize..300, skew in 1u32..12, seed in any::<u32>(), count in count(),
        places in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4), cut in 0usize..3, more in 0usize..200
    ) {
        let indices = draw(seed, count, levels, skew);
        let f = table(&indices, levels);
        let mut bytes = encode(&indices, &f);
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        bytes.extend((0..more).map(|i| i as u8));
        for (place, value) in places {
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place % length) {
                *byte = value;
            }
        }
        let _ = agree(&bytes, count, &f);
    }
}

#[test]
fn long_streams_are_cut_into_blocks() {
    let count = 2 * BLOCK + 77;
    let indices = draw(3, count, 16, 2);
    let f = table(&indices, 16);
    let bytes = encode(&indices, &f);
    assert_eq!(agree(&bytes, count, &f).unwrap(), indices);
    let first = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    assert_eq!(agree(&bytes[8..8 + first], BLOCK, &f).unwrap(), indices[..BLOCK]);
    // Lengths that lie.
    let with = |at: usize, value: u32| {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        agree(&bytes, count, &f).unwrap_err()
    };
    assert!(matches!(with(0, u32::MAX), Error::Truncated { .. }));
    assert!(matches!(with(4, 3), Error::Truncated { needed: 256, available: 3, .. }));
    assert!(matches!(with(0, first as u32 + 2), Error::SectionLength { .. }));
    assert!(matches!(agree(&bytes[..7], count, &f), Err(Error::Truncated { needed: 8, available: 7, .. })));
}

#[test]
fn one_value_takes_no_words() {
    let indices = vec![1; LONG + 5];
    let f = table(&indices, 3);
    assert_eq!(f, [0, 4096, 0]);
    let bytes = encode(&indices, &f);
    assert_eq!(bytes.len(), 4 * LANES);
    assert_eq!(agree(&bytes, indices.len(), &f).unwrap(), indices);
}

#[test]
fn what_a_writer_never_starts_from_is_refused() {
    assert!(matches!(agree(&[0; 8], 1, &[1, 2]), Err(Error::Malformed { value: 3, .. })));
    assert!(matches!(agree(&[0; 4], 1, &[4095, 1]), Err(Error::Malformed { value: 0, .. })));
    assert!(matches!(agree(&[1, 0, 1, 0], 0, &[4095, 1]), Err(Error::Malformed { value: 65537, .. })));
    assert_eq!(agree(&[0, 0, 1, 0], 0, &[4095, 1]), Ok(vec![]));
}
