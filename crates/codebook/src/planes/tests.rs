//! Sections of planes come back, are small, and are refused when they lie.

use half::{bf16, f16};
use proptest::prelude::*;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use super::{
    Head, Layout,
    block::{self, Coded},
    decode,
    decode::room,
    encode,
};
use crate::{Dtype, Error, wire};

const DTYPES: [Dtype; 8] =
    [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F64, Dtype::Complex64, Dtype::Complex128, Dtype::I64, Dtype::F8E5M2];

/// Bytes of some kind that models have.
fn content(kind: usize, length: usize, seed: u64) -> Vec<u8> {
    let mut draw = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let noise = draw.next_u32();
        match kind {
            0 => bytes.extend(noise.to_le_bytes()),
            1 => bytes.push(7),
            2 => bytes.extend(u64::from(noise >> 22).to_le_bytes()),
            3 => bytes.extend([b"abra", b"cada", b"bra "][noise as usize % 3]),
            4 => bytes.extend(weight(&mut draw).to_le_bytes()),
            _ => bytes.push(noise.leading_zeros() as u8),
        }
    }
    bytes.truncate(length);
    bytes
}

/// About normal, as trained weights are.
fn weight(draw: &mut ChaCha8Rng) -> f32 {
    let sum: f64 = (0..6).map(|_| f64::from(draw.next_u32()) / 4_294_967_296.0 - 0.5).sum();
    (0.05 * sum) as f32
}

fn weights(count: usize) -> Vec<f32> {
    let mut draw = ChaCha8Rng::seed_from_u64(5);
    (0..count).map(|_| weight(&mut draw)).collect()
}

fn back(section: &[u8], dtype: Dtype, length: usize) -> Result<Vec<u8>, Error> {
    let mut out = vec![0; length];
    decode(section, dtype, &mut out).map(|()| out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_come_back_and_never_take_more(
        dtype in 0..DTYPES.len(), kind in 0usize..6, count in 1usize..5000, seed in any::<u64>()
    ) {
        let dtype = DTYPES[dtype];
        let bytes = content(kind, count * dtype.size(), seed);
        if let Some(section) = encode(&bytes, dtype) {
            prop_assert!(section.len() < bytes.len());
            prop_assert!(back(&section, dtype, bytes.len()).unwrap() == bytes);
            prop_assert!(section.len() <= zstd::bulk::compress(&bytes, 19).unwrap().len() + 16);
        }
    }

    #[test]
    fn blocks_come_back_and_never_take_more(kind in 0usize..6, length in 1usize..20_000, seed in any::<u64>()) {
        let bytes = content(kind, length, seed);
        let (coded, coding) = block::encode(&bytes);
        prop_assert_eq!(coded.len(length), coding.len() as u64);
        prop_assert!(coding.len() <= length);
        let mut out = vec![0; length];
        block::decode(coded, &coding, &mut out).unwrap();
        prop_assert!(out == bytes);
    }

    #[test]
    fn forged_sections_do_not_panic(
        kind in 0usize..6, places in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4), cut in any::<usize>()
    ) {
        let bytes = content(kind, 6000, 3);
        let Some(mut section) = encode(&bytes, Dtype::F32) else { return Ok(()) };
        prop_assert!(back(&section[..cut % section.len()], Dtype::F32, bytes.len()).is_err());
        for (place, value) in places {
            // The head and the frequencies are where lies matter, so half of the places are there.
            let end = if place.is_multiple_of(2) { section.len() } else { section.len().min(60) };
            section[place / 2 % end] = value;
        }
        let _ = back(&section, Dtype::F32, bytes.len());
    }
}

#[test]
fn weights_of_every_type_take_what_their_exponents_take() {
    let weights = weights(100_000);
    let f32s: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    let bf16s: Vec<u8> = weights.iter().flat_map(|&w| bf16::from_f32(w).to_le_bytes()).collect();
    let f16s: Vec<u8> = weights.iter().flat_map(|&w| f16::from_f32(w).to_le_bytes()).collect();
    for (dtype, bytes, most) in [(Dtype::F32, &f32s, 0.83), (Dtype::Bf16, &bf16s, 0.67), (Dtype::F16, &f16s, 0.85)] {
        let section = encode(bytes, dtype).unwrap();
        let share = section.len() as f64 / bytes.len() as f64;
        assert!(share < most, "{dtype:?}: {share}");
        assert!(back(&section, dtype, bytes.len()).unwrap() == *bytes);
    }
    // What is exact in bf16 takes no more as f32, but for the runs.
    let widened: Vec<u8> = weights.iter().flat_map(|&w| bf16::from_f32(w).to_f32().to_le_bytes()).collect();
    let (wide, narrow) = (encode(&widened, Dtype::F32).unwrap(), encode(&bf16s, Dtype::Bf16).unwrap());
    assert!((wide.len() as f64) < 1.01 * narrow.len() as f64, "{} {}", wide.len(), narrow.len());
}

#[test]
fn the_bytes_are_the_same_for_any_number_of_threads() {
    let mut bytes: Vec<u8> = weights(600_000).iter().flat_map(|w| w.to_le_bytes()).collect();
    bytes.extend(content(3, 400_000, 1));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let section = encode(&bytes, Dtype::F32).unwrap();
            let opened = back(&section, Dtype::F32, bytes.len()).unwrap();
            (section, opened)
        })
    };
    let one = on(1);
    assert!(one.1 == bytes);
    assert!(on(3) == one);
}

fn section(layout: Layout, chunk: u8, blocks: Vec<Coded>, bytes: &[u8]) -> Vec<u8> {
    let mut out = wire::to_bytes(&Head { layout, chunk, blocks }).unwrap();
    out.extend(bytes);
    out
}

#[test]
fn sections_that_lie_are_refused() {
    let of = |layout, chunk, blocks, bytes: &[u8]| back(&section(layout, chunk, blocks, bytes), Dtype::Bf16, 6);
    let good = of(Layout::Split, 12, vec![Coded::Run, Coded::Raw], &[9, 1, 2, 3]);
    assert_eq!(good, Ok(vec![9, 1, 9, 2, 9, 3]));
    for chunk in [0, 11, 41, 255] {
        let chunk = of(Layout::Split, chunk, vec![Coded::Run; 2], &[9, 1]);
        assert!(matches!(chunk, Err(Error::Malformed { .. })), "{chunk:?}");
    }
    let fewer = of(Layout::Split, 12, vec![Coded::Run], &[9]);
    assert!(matches!(fewer, Err(Error::SectionLength { needed: 2, found: 1, .. })), "{fewer:?}");
    let more = of(Layout::Whole, 12, vec![Coded::Run; 2], &[9, 9]);
    assert!(matches!(more, Err(Error::SectionLength { needed: 1, found: 2, .. })), "{more:?}");
    let cut = of(Layout::Split, 40, vec![Coded::Run, Coded::Raw], &[9, 1, 2]);
    assert!(matches!(cut, Err(Error::Truncated { needed: 3, available: 2, .. })), "{cut:?}");
    let longer = of(Layout::Split, 12, vec![Coded::Run, Coded::Raw], &[9, 1, 2, 3, 4]);
    assert_eq!(longer, Err(Error::TrailingBytes { count: 1 }));
    let huge = of(Layout::Split, 12, vec![Coded::Static(u64::MAX), Coded::Zstd(1 << 60)], &[9, 1, 2, 3, 4]);
    assert!(matches!(huge, Err(Error::Truncated { needed: u64::MAX, .. })), "{huge:?}");
    let single = back(&section(Layout::Split, 12, vec![Coded::Run], &[9]), Dtype::I8, 6);
    assert!(matches!(single, Err(Error::Malformed { what: "the layout of planes", .. })), "{single:?}");
    assert_eq!(back(&section(Layout::Whole, 12, vec![], &[]), Dtype::I8, 0), Ok(vec![]));
}

#[test]
fn frequencies_that_lie_are_refused() {
    let read = |bytes: &[u8]| block::decode(Coded::Static(bytes.len() as u64), bytes, &mut [0; 4]);
    // A symbol alone, which has all slots; the state of the only lane.
    assert_eq!(read(&[0, 6, 0x90, 0, 0, 0, 1, 0]), Ok(()));
    for (bytes, what) in [
        (&[0x90][..], "cut in a frequency"),
        (&[0], "cut in a run"),
        (&[5, 5, 5], "too few"),
        (&[0, 255, 1], "257 of them"),
        (&[0, 200, 0, 200], "runs too long"),
        (&[0xFF, 0xFF, 0, 0, 1, 0], "a sum above 4096"),
        (&[0x90, 0, 0, 0, 0, 0], "a state too low"),
        (&[0x90, 0, 0, 0, 1], "a state too short"),
    ] {
        assert!(read(bytes).is_err(), "{what}");
    }
}

#[test]
fn frames_that_lie_are_refused() {
    let bytes = b"abracadabra".repeat(40);
    let frame = zstd::bulk::compress(&bytes, 19).unwrap();
    let read = |frame: &[u8], length: usize| {
        block::decode(Coded::Zstd(frame.len() as u64), frame, &mut vec![0; length]).map_err(|error| error.to_string())
    };
    assert_eq!(read(&frame, bytes.len()), Ok(()));
    let expected = |length: usize, needed: usize| {
        Err(format!("a block of {length} bytes is not one frame of Zstandard that holds {needed} bytes"))
    };
    for needed in [bytes.len() - 1, bytes.len() + 1, 1] {
        assert_eq!(read(&frame, needed), expected(frame.len(), needed));
    }
    let twice = [&frame[..], &frame].concat();
    assert_eq!(read(&twice, 2 * bytes.len()), expected(twice.len(), 2 * bytes.len()));
    assert_eq!(read(&[], 3), expected(0, 3));
    assert_eq!(read(&frame[..frame.len() - 1], bytes.len()), expected(frame.len() - 1, bytes.len()));
}

#[test]
fn chunks_are_counted_where_a_machine_has_fewer_bits() {
    let narrow = u32::MAX as usize;
    assert_eq!([room(4, 12, narrow), room(1, 31, narrow), room(2, 31, narrow)], [1 << 14, 1 << 31, narrow]);
    // The longest that is legal, and what a shift cannot do.
    for chunk in [32, 40, 63, 64, 255] {
        assert_eq!(room(8, chunk, narrow), narrow);
    }
}
