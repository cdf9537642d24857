//! The vector kernels of the reader: groups of 64 symbols on AVX2 and AVX-512, with the results of the plain kernel.
//!
//! States stay in registers, eight or sixteen lanes in each. A table entry is looked up for each lane; then the lanes whose
//! state fell below 2^16 take the next words of the stream in their order: as many as there are bits in the comparison's
//! mask, spread over those lanes by an expansion.

use mixpress_simd::Level;

use super::{
    LANES,
    decode::{Groups, plain_groups},
};
use crate::output::Output;

/// The kernel of a level; the plain one where the processor lacks the level's units.
pub(super) fn groups_at<T: Output>(level: Level) -> Groups<LANES, u32, T> {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if level.is_available() => x86::avx2_groups,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => x86::avx512_groups,
        _ => plain_groups,
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) trait Store {}

#[cfg(not(target_arch = "x86_64"))]
impl<T> Store for T {}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::Store;

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![allow(clippy::wildcard_imports, reason = "as many intrinsics as lines")]

    use std::arch::x86_64::*;

    use super::{LANES, Level, Output, plain_groups};
    use crate::rans::{LOWER, SCALE, SCALE_BITS, decode::Values};

    /// How the outputs of a vector of table entries, whose highest byte is the index, are written.
    pub(crate) trait Store: Sized {
        /// Whether outputs are values of the codebook, so that its size matters.
        const IS_VALUE: bool;

        /// Writes those of eight entries; `BANKS` times eight values are held in vectors, or the values looked up where it
        /// is 0.
        ///
        /// # Safety
        /// `out` has room for eight.
        unsafe fn store8<const BANKS: usize>(entries: __m256i, values: &Values, out: *mut Self);

        /// Writes those of sixteen entries, likewise.
        ///
        /// # Safety
        /// `out` has room for sixteen.
        unsafe fn store16<const BANKS: usize>(entries: __m512i, values: &Values, out: *mut Self);
    }

    impl Store for u8 {
        const IS_VALUE: bool = false;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store8<const BANKS: usize>(entries: __m256i, _: &Values, out: *mut Self) {
            // The highest bytes of each half to its start, then the halves together.
            let pick = _mm256_broadcastsi128_si256(_mm_setr_epi8(
                3, 7, 11, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
            ));
            let halves = _mm256_shuffle_epi8(entries, pick);
            let bytes = _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 4, 1, 1, 1, 1, 1, 1));
            // SAFETY: the caller has room for eight bytes.
            unsafe { _mm_storel_epi64(out.cast(), _mm256_castsi256_si128(bytes)) };
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn store16<const BANKS: usize>(entries: __m512i, _: &Values, out: *mut Self) {
            let bytes = _mm512_cvtepi32_epi8(_mm512_srli_epi32::<24>(entries));
            // SAFETY: the caller has room for sixteen bytes.
            unsafe { _mm_storeu_si128(out.cast(), bytes) };
        }
    }

    impl Store for u16 {
        const IS_VALUE: bool = false;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store8<const BANKS: usize>(entries: __m256i, _: &Values, out: *mut Self) {
            let indices = _mm256_srli_epi32::<24>(entries);
            let halves = _mm256_packus_epi32(indices, indices);
            let words = _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b1000>(halves));
            // SAFETY: the caller has room for eight times two bytes.
            unsafe { _mm_storeu_si128(out.cast(), words) };
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn store16<const BANKS: usize>(entries: __m512i, _: &Values, out: *mut Self) {
            let words = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<24>(entries));
            // SAFETY: the caller has room for sixteen times two bytes.
            unsafe { _mm256_storeu_si256(out.cast(), words) };
        }
    }

    impl Store for f32 {
        const IS_VALUE: bool = true;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store8<const BANKS: usize>(entries: __m256i, values: &Values, out: *mut Self) {
            let indices = _mm256_srli_epi32::<24>(entries);
            let table = values.0.as_ptr();
            // SAFETY: there are 1024 values: four vectors of eight, and one for every index of eight bits.
            let bank =
                |number: usize| unsafe { _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.add(8 * number)), indices) };
            let found = if BANKS == 0 {
                // SAFETY: as above.
                unsafe { _mm256_i32gather_ps::<4>(table, indices) }
            } else {
                // A permutation looks at the index's lowest three bits; the next ones choose among the banks.
                let bit3 = _mm256_castsi256_ps(_mm256_slli_epi32::<4>(entries));
                let low = _mm256_blendv_ps(bank(0), bank(1), bit3);
                if BANKS == 2 {
                    low
                } else {
                    let bit4 = _mm256_castsi256_ps(_mm256_slli_epi32::<3>(entries));
                    _mm256_blendv_ps(low, _mm256_blendv_ps(bank(2), bank(3), bit3), bit4)
                }
            };
            // SAFETY: the caller has room for eight.
            unsafe { _mm256_storeu_ps(out, found) };
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn store16<const BANKS: usize>(entries: __m512i, values: &Values, out: *mut Self) {
            let indices = _mm512_srli_epi32::<24>(entries);
            let table = values.0.as_ptr();
            // SAFETY: there are 1024 values: two vectors of sixteen, and one for every index of eight bits.
            let found = unsafe {
                if BANKS == 0 {
                    _mm512_i32gather_ps::<4>(indices, table)
                } else {
                    _mm512_permutex2var_ps(_mm512_loadu_ps(table), indices, _mm512_loadu_ps(table.add(16)))
                }
            };
            // SAFETY: the caller has room for sixteen.
            unsafe { _mm512_storeu_ps(out, found) };
        }
    }

    /// For each set of lanes, which of the next words each of its lanes takes: lane `i` that of as many as there are lanes of
    /// the set below `i`.
    static EXPANSIONS: [[u8; 8]; 256] = {
        let mut table = [[0; 8]; 256];
        let mut set = 0;
        while set < 256 {
            let (mut lane, mut word) = (0, 0);
            while lane < 8 {
                table[set][lane] = word;
                word += (set >> lane & 1) as u8;
                lane += 1;
            }
            set += 1;
        }
        table
    };

    /// Groups on AVX2, or by the plain kernel where the processor lacks it.
    pub(super) fn avx2_groups<T: Output>(
        words: &[[u8; 2]],
        out: &mut [T],
        states: &mut [u32; LANES],
        slots: &[u32; SCALE],
        values: &Values,
    ) -> (usize, usize) {
        if !Level::Avx2.is_available() {
            return plain_groups(words, out, states, slots, values);
        }
        // SAFETY: the processor has what the level `Avx2` includes.
        unsafe {
            match values.1 {
                0..=16 if T::IS_VALUE => avx2::<T, 2>(words, out, states, slots, values),
                17..=32 if T::IS_VALUE => avx2::<T, 4>(words, out, states, slots, values),
                _ => avx2::<T, 0>(words, out, states, slots, values),
            }
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn avx2<T: Output, const BANKS: usize>(
        words: &[[u8; 2]],
        out: &mut [T],
        states: &mut [u32; LANES],
        slots: &[u32; SCALE],
        values: &Values,
    ) -> (usize, usize) {
        const VECTORS: usize = LANES / 8;
        let low12 = _mm256_set1_epi32(SCALE as i32 - 1);
        let mut x = [_mm256_setzero_si256(); VECTORS];
        for (x, lanes) in x.iter_mut().zip(states.as_chunks::<8>().0) {
            // SAFETY: eight lanes.
            *x = unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) };
        }
        let (mut done, mut read) = (0, 0);
        for group in out.as_chunks_mut::<LANES>().0 {
            if words.len() - read < LANES {
                break;
            }
            for (number, x) in x.iter_mut().enumerate() {
                let entries = lookup8(slots, _mm256_and_si256(*x, low12));
                // SAFETY: the group has room for `VECTORS` vectors of eight.
                unsafe { T::store8::<BANKS>(entries, values, group.as_mut_ptr().add(8 * number)) };
                let frequency = _mm256_and_si256(entries, low12);
                let offset = _mm256_and_si256(_mm256_srli_epi32::<12>(entries), low12);
                let quotient = _mm256_srli_epi32::<{ SCALE_BITS as i32 }>(*x);
                let state = _mm256_add_epi32(_mm256_mullo_epi32(frequency, quotient), offset);
                let is_low = _mm256_cmpeq_epi32(_mm256_srli_epi32::<16>(state), _mm256_setzero_si256());
                let set = _mm256_movemask_ps(_mm256_castsi256_ps(is_low)) as usize;
                // SAFETY: at least 64 words were left before the group, of which each vector reads at most eight and is
                // at most eight ahead; a mask of eight lanes is below 256.
                let (next, expansion) = unsafe {
                    let next = _mm_loadu_si128(words.as_ptr().add(read).cast());
                    (next, _mm_loadl_epi64(EXPANSIONS.as_ptr().add(set).cast()))
                };
                let next = _mm256_permutevar8x32_epi32(_mm256_cvtepu16_epi32(next), _mm256_cvtepu8_epi32(expansion));
                let refilled = _mm256_or_si256(_mm256_slli_epi32::<16>(state), next);
                *x = _mm256_blendv_epi8(state, refilled, is_low);
                read += set.count_ones() as usize;
            }
            done += LANES;
        }
        for (x, lanes) in x.iter().zip(states.as_chunks_mut::<8>().0) {
            // SAFETY: eight lanes.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), *x) };
        }
        (done, read)
    }

    /// The entries at eight places, all below 4096: by eight loads, which processors with slow gathers do faster.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn lookup8(slots: &[u32; SCALE], places: __m256i) -> __m256i {
        let (low, high) = (_mm256_castsi256_si128(places), _mm256_extracti128_si256::<1>(places));
        let pairs = [
            _mm_cvtsi128_si64(low),
            _mm_extract_epi64::<1>(low),
            _mm_cvtsi128_si64(high),
            _mm_extract_epi64::<1>(high),
        ];
        // SAFETY: places are below 4096.
        let at = |place: u64| unsafe { *slots.get_unchecked(place as usize) as i32 };
        let [a, b, c, d] = pairs.map(|pair| pair as u64);
        let (first, second) = (|pair: u64| at(pair & 0xFFFF_FFFF), |pair: u64| at(pair >> 32));
        _mm256_setr_epi32(first(a), second(a), first(b), second(b), first(c), second(c), first(d), second(d))
    }

    /// Groups on AVX-512, or by the plain kernel where the processor lacks it.
    pub(super) fn avx512_groups<T: Output>(
        words: &[[u8; 2]],
        out: &mut [T],
        states: &mut [u32; LANES],
        slots: &[u32; SCALE],
        values: &Values,
    ) -> (usize, usize) {
        if !Level::Avx512.is_available() {
            return plain_groups(words, out, states, slots, values);
        }
        // SAFETY: the processor has what the level `Avx512` includes.
        unsafe {
            match values.1 {
                0..=32 if T::IS_VALUE => avx512::<T, 2>(words, out, states, slots, values),
                _ => avx512::<T, 0>(words, out, states, slots, values),
            }
        }
    }

    #[target_feature(enable = "avx512f,avx2,bmi1,bmi2,popcnt")]
    fn avx512<T: Output, const BANKS: usize>(
        words: &[[u8; 2]],
        out: &mut [T],
        states: &mut [u32; LANES],
        slots: &[u32; SCALE],
        values: &Values,
    ) -> (usize, usize) {
        const VECTORS: usize = LANES / 16;
        let low12 = _mm512_set1_epi32(SCALE as i32 - 1);
        let lower = _mm512_set1_epi32(LOWER as i32);
        let mut x = [_mm512_setzero_si512(); VECTORS];
        for (x, lanes) in x.iter_mut().zip(states.as_chunks::<16>().0) {
            // SAFETY: sixteen lanes.
            *x = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
        }
        let (mut done, mut read) = (0, 0);
        for group in out.as_chunks_mut::<LANES>().0 {
            if words.len() - read < LANES {
                break;
            }
            for (number, x) in x.iter_mut().enumerate() {
                let places = _mm512_and_si512(*x, low12);
                // SAFETY: places are below 4096; the group has room for `VECTORS` vectors of sixteen.
                let entries = unsafe {
                    let entries = _mm512_i32gather_epi32::<4>(places, slots.as_ptr().cast());
                    T::store16::<BANKS>(entries, values, group.as_mut_ptr().add(16 * number));
                    entries
                };
                let frequency = _mm512_and_si512(entries, low12);
                let offset = _mm512_and_si512(_mm512_srli_epi32::<12>(entries), low12);
                let quotient = _mm512_srli_epi32::<SCALE_BITS>(*x);
                let state = _mm512_add_epi32(_mm512_mullo_epi32(frequency, quotient), offset);
                let is_low = _mm512_cmplt_epu32_mask(state, lower);
                // SAFETY: at least 64 words were left before the group, of which each vector reads at most sixteen and is at
                // most sixteen ahead.
                let next = unsafe { _mm256_loadu_si256(words.as_ptr().add(read).cast()) };
                let next = _mm512_maskz_expand_epi32(is_low, _mm512_cvtepu16_epi32(next));
                *x = _mm512_mask_or_epi32(state, is_low, _mm512_slli_epi32::<16>(state), next);
                read += is_low.count_ones() as usize;
            }
            done += LANES;
        }
        for (x, lanes) in x.iter().zip(states.as_chunks_mut::<16>().0) {
            // SAFETY: sixteen lanes.
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), *x) };
        }
        (done, read)
    }
}
