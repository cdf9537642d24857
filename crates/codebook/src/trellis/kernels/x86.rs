//! The kernels on AVX2 and AVX-512.

#![allow(clippy::wildcard_imports, reason = "as many intrinsics as lines")]

use std::arch::x86_64::*;

use mixpress_simd::Level;

use super::{LANES, LOWER, Lanes, SCALE, SCALE_BITS, SQUARE, plain_rows, plain_transpose, plain_turn};
use crate::rans::EXPANSIONS;

/// Slots of a class, as a power of two.
const CLASS_BITS: u32 = SCALE_BITS + 1;

/// Whether every class has its slots: what the kernels below rely on.
fn is_covered(lanes: &Lanes, slots: &[u32]) -> bool {
    lanes.last >= 0 && slots.len() >= (lanes.last as usize + 1) * 2 * SCALE && lanes.width <= LANES
}

/// Rows on AVX-512, or by the plain kernel where the processor lacks it.
pub(super) fn avx512_rows(
    words: &[[u8; 2]],
    lanes: &mut Lanes,
    slots: &[u32],
    scales: &[i16],
    out: &mut [[i16; LANES]],
) -> (usize, usize) {
    if !Level::Avx512.is_available() {
        return plain_rows(words, lanes, slots, scales, out);
    }
    assert!(is_covered(lanes, slots), "a slot for each class");
    // SAFETY: the processor has what the level `Avx512` includes; every class has its slots.
    unsafe {
        if lanes.width == LANES {
            avx512::<false>(words, lanes, slots, scales, out)
        } else {
            avx512::<true>(words, lanes, slots, scales, out)
        }
    }
}

/// # Safety
/// There are slots for all classes of the lanes. Without `MASKED` all lanes have a column.
#[target_feature(enable = "avx512f,avx2,bmi1,bmi2,popcnt")]
unsafe fn avx512<const MASKED: bool>(
    words: &[[u8; 2]],
    lanes: &mut Lanes,
    slots: &[u32],
    scales: &[i16],
    out: &mut [[i16; LANES]],
) -> (usize, usize) {
    const VECTORS: usize = LANES / 16;
    let low12 = _mm512_set1_epi32(SCALE as i32 - 1);
    let table = _mm512_set1_epi32(2 * (SCALE as i32 - 1));
    let lower = _mm512_set1_epi32(LOWER as i32);
    let one = _mm512_set1_epi32(1);
    let lowest_of_k = _mm512_set1_epi32(1 << 24);
    let last = _mm512_set1_epi32(lanes.last << CLASS_BITS);
    let [high, odd] = lanes.constants.map(|constant| _mm512_set1_epi32(constant as i32));
    let load = |from: &[u32; LANES], number: usize| {
        // SAFETY: sixteen lanes.
        unsafe { _mm512_loadu_si512(from[16 * number..][..16].as_ptr().cast()) }
    };
    let mut x = [_mm512_setzero_si512(); VECTORS];
    let mut states = [_mm512_setzero_si512(); VECTORS];
    let mut columns = [_mm512_setzero_si512(); VECTORS];
    let mut active = [0u16; VECTORS];
    for number in 0..VECTORS {
        x[number] = load(&lanes.coders, number);
        states[number] = load(&lanes.states, number);
        // SAFETY: sixteen lanes.
        let scales = unsafe { _mm512_loadu_si512(lanes.scales[16 * number..][..16].as_ptr().cast()) };
        columns[number] = _mm512_slli_epi32::<CLASS_BITS>(scales);
        active[number] = (((1u64 << lanes.width.saturating_sub(16 * number).min(16)) - 1) & 0xFFFF) as u16;
    }
    let mut read = 0;
    let mut row = 0;
    for (&scale, out) in scales.iter().zip(out) {
        if words.len() - read < LANES {
            break;
        }
        let scale = _mm512_set1_epi32(i32::from(scale) << CLASS_BITS);
        for number in 0..VECTORS {
            if MASKED && active[number] == 0 {
                continue;
            }
            let class = _mm512_add_epi32(columns[number], scale);
            let class = _mm512_max_epi32(_mm512_min_epi32(class, last), _mm512_setzero_si512());
            let doubled = _mm512_slli_epi32::<1>(x[number]);
            let places = _mm512_or_si512(class, _mm512_and_si512(doubled, table));
            let places = _mm512_or_si512(places, _mm512_and_si512(states[number], one));
            // SAFETY: classes are those that there are slots for.
            let entries = unsafe { _mm512_i32gather_epi32::<4>(places, slots.as_ptr().cast()) };
            // `2 k` and a bit of what stands below it, in whose place the parity goes.
            let numbers = _mm512_srai_epi32::<23>(entries);
            let numbers = _mm512_or_si512(_mm512_andnot_si512(one, numbers), _mm512_and_si512(states[number], one));
            let numbers = _mm512_cvtepi32_epi16(numbers);
            // SAFETY: room for sixteen.
            unsafe { _mm256_storeu_si256(out[16 * number..][..16].as_mut_ptr().cast(), numbers) };
            let is_odd = _mm512_test_epi32_mask(entries, lowest_of_k);
            let is_high = _mm512_test_epi32_mask(states[number], one);
            let state = _mm512_srli_epi32::<1>(states[number]);
            let state = _mm512_mask_xor_epi32(state, is_odd, state, odd);
            states[number] = _mm512_mask_xor_epi32(state, is_high, state, high);
            let frequency = _mm512_and_si512(entries, low12);
            let offset = _mm512_and_si512(_mm512_srli_epi32::<12>(entries), low12);
            let quotient = _mm512_srli_epi32::<SCALE_BITS>(x[number]);
            let mut coder = _mm512_add_epi32(_mm512_mullo_epi32(frequency, quotient), offset);
            let mut is_low = _mm512_cmplt_epu32_mask(coder, lower);
            if MASKED {
                coder = _mm512_mask_mov_epi32(x[number], active[number], coder);
                is_low &= active[number];
            }
            // SAFETY: at least 64 words were left before the row, of which each vector reads at most sixteen and is at
            // most sixteen ahead.
            let next = unsafe { _mm256_loadu_si256(words.as_ptr().add(read).cast()) };
            let next = _mm512_maskz_expand_epi32(is_low, _mm512_cvtepu16_epi32(next));
            x[number] = _mm512_mask_or_epi32(coder, is_low, _mm512_slli_epi32::<16>(coder), next);
            read += is_low.count_ones() as usize;
        }
        row += 1;
    }
    for number in 0..VECTORS {
        // SAFETY: sixteen lanes each.
        unsafe {
            _mm512_storeu_si512(lanes.coders[16 * number..][..16].as_mut_ptr().cast(), x[number]);
            _mm512_storeu_si512(lanes.states[16 * number..][..16].as_mut_ptr().cast(), states[number]);
        }
    }
    (row, read)
}

/// Rows on AVX2, or by the plain kernel where the processor lacks it or the lanes fill no whole vectors.
pub(super) fn avx2_rows(
    words: &[[u8; 2]],
    lanes: &mut Lanes,
    slots: &[u32],
    scales: &[i16],
    out: &mut [[i16; LANES]],
) -> (usize, usize) {
    if !Level::Avx2.is_available() || !lanes.width.is_multiple_of(8) {
        return plain_rows(words, lanes, slots, scales, out);
    }
    assert!(is_covered(lanes, slots), "a slot for each class");
    // SAFETY: the processor has what the level `Avx2` includes; every class has its slots.
    unsafe { avx2(words, lanes, slots, scales, out) }
}

/// # Safety
/// There are slots for all classes of the lanes, whose width is a number of whole vectors.
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
unsafe fn avx2(
    words: &[[u8; 2]],
    lanes: &mut Lanes,
    slots: &[u32],
    scales: &[i16],
    out: &mut [[i16; LANES]],
) -> (usize, usize) {
    let low12 = _mm256_set1_epi32(SCALE as i32 - 1);
    let table = _mm256_set1_epi32(2 * (SCALE as i32 - 1));
    let one = _mm256_set1_epi32(1);
    let zero = _mm256_setzero_si256();
    let last = _mm256_set1_epi32(lanes.last);
    let [high, odd] = lanes.constants.map(|constant| _mm256_set1_epi32(constant as i32));
    let vectors = lanes.width / 8;
    let coders = &mut lanes.coders.as_chunks_mut::<8>().0[..vectors];
    let states = &mut lanes.states.as_chunks_mut::<8>().0[..vectors];
    let columns = &lanes.scales.as_chunks::<8>().0[..vectors];
    let mut read = 0;
    let mut row = 0;
    for (&scale, out) in scales.iter().zip(out) {
        if words.len() - read < LANES {
            break;
        }
        let scale = _mm256_set1_epi32(i32::from(scale));
        let out = &mut out.as_chunks_mut::<8>().0[..vectors];
        for (((x, state), column), out) in coders.iter_mut().zip(&mut *states).zip(columns).zip(out) {
            // SAFETY: eight lanes each.
            let (coder, before, class) = unsafe {
                let coder = _mm256_loadu_si256(x.as_ptr().cast());
                let before = _mm256_loadu_si256(state.as_ptr().cast());
                (coder, before, _mm256_add_epi32(_mm256_loadu_si256(column.as_ptr().cast()), scale))
            };
            let class = _mm256_max_epi32(_mm256_min_epi32(class, last), zero);
            let z = _mm256_and_si256(before, one);
            let places = _mm256_and_si256(_mm256_slli_epi32::<1>(coder), table);
            let places = _mm256_or_si256(_mm256_or_si256(places, z), _mm256_slli_epi32::<{ CLASS_BITS as i32 }>(class));
            // SAFETY: classes are those that there are slots for.
            let entries = unsafe { _mm256_i32gather_epi32::<4>(slots.as_ptr().cast(), places) };
            let k = _mm256_srai_epi32::<24>(entries);
            let numbers = _mm256_or_si256(_mm256_add_epi32(k, k), z);
            let numbers = _mm_packs_epi32(_mm256_castsi256_si128(numbers), _mm256_extracti128_si256::<1>(numbers));
            let odd = _mm256_and_si256(_mm256_sub_epi32(zero, _mm256_and_si256(k, one)), odd);
            let high = _mm256_and_si256(_mm256_sub_epi32(zero, z), high);
            let after = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi32::<1>(before), odd), high);
            let frequency = _mm256_and_si256(entries, low12);
            let offset = _mm256_and_si256(_mm256_srli_epi32::<12>(entries), low12);
            let quotient = _mm256_srli_epi32::<{ SCALE_BITS as i32 }>(coder);
            let coder = _mm256_add_epi32(_mm256_mullo_epi32(frequency, quotient), offset);
            // By halves of lanes: what follows looks at the sign alone, which is that of the upper half.
            let is_low = _mm256_castsi256_ps(_mm256_cmpeq_epi16(coder, zero));
            let set = _mm256_movemask_ps(is_low) as usize;
            // SAFETY: at least 64 words were left before the row, of which each vector reads at most eight and is at
            // most eight ahead; a mask of eight lanes is below 256.
            let (next, expansion) = unsafe {
                let next = _mm_loadu_si128(words.as_ptr().add(read).cast());
                (next, _mm256_load_si256(EXPANSIONS.0.as_ptr().add(set).cast()))
            };
            let next = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(next), expansion);
            let refilled = _mm256_or_si256(_mm256_slli_epi32::<16>(coder), next);
            let coder = _mm256_blendv_ps(_mm256_castsi256_ps(coder), _mm256_castsi256_ps(refilled), is_low);
            read += set.count_ones() as usize;
            // SAFETY: eight lanes each.
            unsafe {
                _mm256_storeu_si256(x.as_mut_ptr().cast(), _mm256_castps_si256(coder));
                _mm256_storeu_si256(state.as_mut_ptr().cast(), after);
                _mm_storeu_si128(out.as_mut_ptr().cast(), numbers);
            }
        }
        row += 1;
    }
    (row, read)
}

/// Columns from rows, eight by eight in registers; the plain way where there are not as many.
pub(super) fn avx2_turn(tile: &[[i16; LANES]], out: &mut [f32], rows: usize, row: usize, step: f32) {
    let (squares, rest) = tile.as_chunks::<8>();
    if !Level::Avx2.is_available() || !out.len().is_multiple_of(8 * rows) {
        return plain_turn(tile, out, rows, row, step);
    }
    // SAFETY: the processor has what the level `Avx2` includes.
    unsafe { avx2_squares(squares, out, rows, row, step) };
    plain_turn(rest, out, rows, row + 8 * squares.len(), step);
}

#[target_feature(enable = "avx2")]
fn avx2_squares(squares: &[[[i16; LANES]; 8]], out: &mut [f32], rows: usize, row: usize, step: f32) {
    let step = _mm256_set1_ps(step);
    for (square, row) in squares.iter().zip((row..).step_by(8)) {
        for (block, out) in out.chunks_exact_mut(8 * rows).enumerate() {
            let mut a = [_mm_setzero_si128(); 8];
            for (a, numbers) in a.iter_mut().zip(square) {
                // SAFETY: eight numbers.
                *a = unsafe { _mm_loadu_si128(numbers[8 * block..][..8].as_ptr().cast()) };
            }
            // Pairs of rows, then fours, then all eight.
            let mut b = a;
            for i in 0..4 {
                b[2 * i] = _mm_unpacklo_epi16(a[2 * i], a[2 * i + 1]);
                b[2 * i + 1] = _mm_unpackhi_epi16(a[2 * i], a[2 * i + 1]);
            }
            let mut c = b;
            for i in [0, 4] {
                c[i] = _mm_unpacklo_epi32(b[i], b[i + 2]);
                c[i + 1] = _mm_unpackhi_epi32(b[i], b[i + 2]);
                c[i + 2] = _mm_unpacklo_epi32(b[i + 1], b[i + 3]);
                c[i + 3] = _mm_unpackhi_epi32(b[i + 1], b[i + 3]);
            }
            for i in 0..4 {
                a[2 * i] = _mm_unpacklo_epi64(c[i], c[i + 4]);
                a[2 * i + 1] = _mm_unpackhi_epi64(c[i], c[i + 4]);
            }
            for (a, out) in a.iter().zip(out.chunks_exact_mut(rows)) {
                let values = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(*a)), step);
                // SAFETY: room for eight.
                unsafe { _mm256_storeu_ps(out[row..][..8].as_mut_ptr(), values) };
            }
        }
    }
}

/// A transpose, eight by eight in registers; the plain way where there is no whole tile.
pub(super) fn avx2_transpose(from: &[f32], stride: usize, size: [usize; 2], to: &mut [[f32; SQUARE]; SQUARE]) {
    if !Level::Avx2.is_available() || size != [SQUARE; 2] {
        return plain_transpose(from, stride, size, to);
    }
    // SAFETY: the processor has what the level `Avx2` includes.
    unsafe { avx2_tile(from, stride, to) }
}

#[target_feature(enable = "avx2")]
fn avx2_tile(from: &[f32], stride: usize, to: &mut [[f32; SQUARE]; SQUARE]) {
    for row in (0..SQUARE).step_by(8) {
        for column in (0..SQUARE).step_by(8) {
            let mut a = [_mm256_setzero_ps(); 8];
            for (i, a) in a.iter_mut().enumerate() {
                // SAFETY: eight values.
                *a = unsafe { _mm256_loadu_ps(from[(row + i) * stride + column..][..8].as_ptr()) };
            }
            // Pairs of rows, then fours, then all eight, within halves of registers and at last across them.
            let mut b = a;
            for i in 0..4 {
                b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
                b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
            }
            for i in [0, 4] {
                a[i] = _mm256_shuffle_ps::<0x44>(b[i], b[i + 2]);
                a[i + 1] = _mm256_shuffle_ps::<0xEE>(b[i], b[i + 2]);
                a[i + 2] = _mm256_shuffle_ps::<0x44>(b[i + 1], b[i + 3]);
                a[i + 3] = _mm256_shuffle_ps::<0xEE>(b[i + 1], b[i + 3]);
            }
            for i in 0..4 {
                b[i] = _mm256_permute2f128_ps::<0x20>(a[i], a[i + 4]);
                b[i + 4] = _mm256_permute2f128_ps::<0x31>(a[i], a[i + 4]);
            }
            for (b, to) in b.iter().zip(&mut to[column..]) {
                // SAFETY: room for eight.
                unsafe { _mm256_storeu_ps(to[row..][..8].as_mut_ptr(), *b) };
            }
        }
    }
}
