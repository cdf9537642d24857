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

fn table(indices: &[u16], levels: usize) -> Table {
    Table::new(&counts(indices, levels)).unwrap()
}

/// A table of single indices.
fn single(frequencies: &[u32]) -> Table {
    Table { frequencies: frequencies.to_vec(), is_paired: false }
}

fn values(levels: usize) -> Vec<f32> {
    (0..levels).map(|i| i as f32 * 0.37 - 1.0).collect()
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

fn decoded<T: Output>(level: Level, bytes: &[u8], count: usize, table: &Table) -> Result<Vec<T>, Error> {
    let mut out = vec![T::default(); count];
    decode_at(level, bytes, table, &values(table.frequencies.len()), &mut out).map(|()| out)
}

/// Each output of every kernel is that of the plain one.
fn agree(bytes: &[u8], count: usize, table: &Table) -> Result<Vec<u16>, Error> {
    let expected: Result<Vec<u16>, Error> = decoded(Level::Scalar, bytes, count, table);
    let book = values(table.frequencies.len());
    let wanted_values = expected.clone().map(|e| e.iter().map(|&i| book[usize::from(i)]).collect::<Vec<f32>>());
    let wanted_bytes = expected.clone().map(|e| e.iter().map(|&i| i as u8).collect::<Vec<u8>>());
    for level in levels() {
        assert_eq!(decoded::<u16>(level, bytes, count, table), expected, "{level}");
        assert_eq!(decoded::<f32>(level, bytes, count, table), wanted_values, "{level}");
        if book.len() <= 256 {
            assert_eq!(decoded::<u8>(level, bytes, count, table), wanted_bytes, "{level}");
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
        levels in prop_oneof![1usize..40, 200usize..300], skew in 1u32..12, seed in any::<u32>(), count in count(),
        is_paired in any::<bool>()
    ) {
        let indices = draw(seed, count, levels, skew);
        let counts = counts(&indices, levels);
        let mut f = Table::new(&counts).unwrap();
        f.is_paired = is_paired && levels <= PAIRED;
        prop_assert_eq!(f.frequencies.iter().sum::<u32>(), 4096);
        let bytes = encode(&indices, &f);
        let expected = f.expected_len(&counts);
        let near = 8.0 + 1.5 * lanes(count) as f64 + 0.01 * expected;
        prop_assert!((bytes.len() as f64 - expected).abs() < near, "{} {expected}", bytes.len());
        prop_assert_eq!(agree(&bytes, count, &f).unwrap(), indices);
        prop_assert!(agree(&bytes[..bytes.len() - 1], count, &f).is_err());
        prop_assert!(agree(&bytes[..bytes.len() / 2], count, &f).is_err());
    }

    #[test]
    fn forged_bytes_are_read_alike(
        levels in 1usize..300, skew in 1u32..12, seed in any::<u32>(), count in count(),
        places in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4), cut in 0usize..3, more in 0usize..200,
        is_paired in any::<bool>()
    ) {
        let indices = draw(seed, count, levels, skew);
        let f = Table { is_paired: is_paired && levels <= PAIRED, ..table(&indices, levels) };
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
    let f = single(&table(&indices, 16).frequencies);
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
fn pairs_are_read_to_the_end_of_blocks_and_streams() {
    for count in
        [BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + LANES - 1, BLOCK + LANES + 1, LONG, LONG + LANES, LONG + 2 * LANES - 1]
    {
        let indices = draw(count as u32, count, 16, 1);
        let f = table(&indices, 16);
        assert!(f.is_paired);
        assert_eq!(agree(&encode(&indices, &f), count, &f).unwrap(), indices, "{count}");
    }
}

#[test]
fn pairs_of_too_many_levels_are_refused() {
    let f = Table { frequencies: vec![1; 17], is_paired: true };
    assert!(matches!(agree(&[0; 8], 1, &f), Err(Error::Malformed { value: 17, .. })));
    let mut frequencies = vec![1; 17];
    frequencies[3] = 4080;
    let f = Table { frequencies, is_paired: true };
    assert!(matches!(agree(&[0; 8], 1, &f), Err(Error::Malformed { what: "the codebook of paired indices", .. })));
}

#[test]
fn one_value_takes_no_words() {
    let indices = vec![1; LONG + 5];
    let f = table(&indices, 3);
    assert_eq!(f.frequencies, [0, 4096, 0]);
    let bytes = encode(&indices, &f);
    assert_eq!(bytes.len(), 4 * LANES);
    assert_eq!(agree(&bytes, indices.len(), &f).unwrap(), indices);
}

#[test]
fn what_a_writer_never_starts_from_is_refused() {
    assert!(matches!(agree(&[0; 8], 1, &single(&[1, 2])), Err(Error::Malformed { value: 3, .. })));
    assert!(matches!(agree(&[0; 4], 1, &single(&[4095, 1])), Err(Error::Malformed { value: 0, .. })));
    assert!(matches!(agree(&[1, 0, 1, 0], 0, &single(&[4095, 1])), Err(Error::Malformed { value: 65537, .. })));
    assert_eq!(agree(&[0, 0, 1, 0], 0, &single(&[4095, 1])), Ok(vec![]));
}
