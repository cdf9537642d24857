//! The vector kernels of the reader: groups of 64 symbols on AVX2 and AVX-512, with the results of the plain kernel.
//!
//! States stay in registers, eight or sixteen lanes in each. A table entry is looked up for each lane; then the lanes whose
//! state fell below 2^16 take the next words of the stream in their order: as many as there are bits in the comparison's
//! mask, spread over those lanes by an expansion.
//!
//! The step of a lane is a chain of about twenty operations, and a processor hides it behind other lanes' only as far as it
//! looks ahead. AVX2 has to carry the lanes' places in the table from a vector to eight addresses, the longest link of the
//! chain; it writes them to memory at the end of a step and reads them a group later, when the way through memory is over.

use mixpress_simd::Level;

use super::{
    LANES,
    decode::{Groups, plain_groups},
};
use crate::output::Output;

/// The kernel of a level for symbols of `W` indices; the plain one where the processor lacks the level's units.
pub(super) fn groups_at<const W: usize, T: Output>(level: Level) -> Groups<LANES, u32, T> {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if level.is_available() => x86::avx2_groups::<W, T>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => x86::avx512_groups::<W, T>,
        _ => plain_groups::<LANES, W, _, T>,
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) trait Store {}

#[cfg(not(target_arch = "x86_64"))]
impl<T> Store for T {}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{EXPANSIONS, Store};

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![allow(clippy::wildcard_imports, reason = "as many intrinsics as lines")]

    use std::arch::x86_64::*;

    use super::{LANES, Level, Output, plain_groups};
    use crate::rans::{LOWER, PAIRED, SCALE, SCALE_BITS, decode::Values};

    /// How the outputs of a vector of table entries, whose lowest byte is the index, are written.
    pub(crate) trait Store: Sized {
        /// Whether outputs are values of the codebook, so that its size matters.
        const IS_VALUE: bool;

        /// Writes those of eight entries; `BANKS` times eight values are held in vectors, or the values looked up where it
        /// is 0. With 2 banks only the index's lowest four bits are looked at. With `STREAM` values are written past the
        /// caches.
        ///
        /// # Safety
        /// `out` has room for eight, and with `STREAM` is aligned to 16 bytes.
        unsafe fn store8<const BANKS: usize, const STREAM: bool>(entries: __m256i, values: &Values, out: *mut Self);

        /// Writes those of sixteen entries, likewise with banks of sixteen: with 1 bank four bits are looked at.
        ///
        /// # Safety
        /// `out` has room for sixteen.
        unsafe fn store16<const BANKS: usize>(entries: __m512i, values: &Values, out: *mut Self);
    }

    impl Store for u8 {
        const IS_VALUE: bool = false;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store8<const BANKS: usize, const STREAM: bool>(entries: __m256i, _: &Values, out: *mut Self) {
            // The lowest bytes of each half to its start, then the halves together.
            let pick =
                _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
            let halves = _mm256_shuffle_epi8(entries, pick);
            let bytes = _mm_unpacklo_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
            // SAFETY: the caller has room for eight bytes.
            unsafe { _mm_storel_epi64(out.cast(), bytes) };
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn store16<const BANKS: usize>(entries: __m512i, _: &Values, out: *mut Self) {
            let bytes = _mm512_cvtepi32_epi8(entries);
            // SAFETY: the caller has room for sixteen bytes.
            unsafe { _mm_storeu_si128(out.cast(), bytes) };
        }
    }

    impl Store for u16 {
        const IS_VALUE: bool = false;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store8<const BANKS: usize, const STREAM: bool>(entries: __m256i, _: &Values, out: *mut Self) {
            let indices = _mm256_and_si256(entries, _mm256_set1_epi32(0xFF));
            let words = _mm_packus_epi32(_mm256_castsi256_si128(indices), _mm256_extracti128_si256::<1>(indices));
            // SAFETY: the caller has room for eight times two bytes.
            unsafe { _mm_storeu_si128(out.cast(), words) };
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn store16<const BANKS: usize>(entries: __m512i, _: &Values, out: *mut Self) {
            let words = _mm512_cvtepi32_epi16(_mm512_and_si512(entries, _mm512_set1_epi32(0xFF)));
            // SAFETY: the caller has room for sixteen times two bytes.
            unsafe { _mm256_storeu_si256(out.cast(), words) };
        }
    }

    impl Store for f32 {
        const IS_VALUE: bool = true;

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store8<const BANKS: usize, const STREAM: bool>(entries: __m256i, values: &Values, out: *mut Self) {
            let table = values.table.as_ptr();
            // A permutation looks at the index's lowest three bits; the next ones choose among the banks.
            // SAFETY: there are 1024 values, so four vectors of eight.
            let bank =
                |number: usize| unsafe { _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.add(8 * number)), entries) };
            let found = if BANKS == 0 {
                let indices = _mm256_and_si256(entries, _mm256_set1_epi32(0xFF));
                // SAFETY: there are 1024 values, so one for every index of eight bits.
                unsafe { _mm256_i32gather_ps::<4>(table, indices) }
            } else {
                let bit3 = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(entries));
                let low = _mm256_blendv_ps(bank(0), bank(1), bit3);
                if BANKS == 2 {
                    low
                } else {
                    let bit4 = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(entries));
                    _mm256_blendv_ps(low, _mm256_blendv_ps(bank(2), bank(3), bit3), bit4)
                }
            };
            // SAFETY: the caller has room for eight, aligned where that is needed.
            unsafe {
                if STREAM {
                    _mm_stream_ps(out, _mm256_castps256_ps128(found));
                    _mm_stream_ps(out.add(4), _mm256_extractf128_ps::<1>(found));
                } else {
                    _mm256_storeu_ps(out, found);
                }
            }
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn store16<const BANKS: usize>(entries: __m512i, values: &Values, out: *mut Self) {
            let table = values.table.as_ptr();
            // A permutation of one vector looks at the index's lowest four bits, one of two vectors at five.
            // SAFETY: there are 1024 values: two vectors of sixteen, and one for every index of eight bits.
            let found = unsafe {
                match BANKS {
                    0 => {
                        let indices = _mm512_and_si512(entries, _mm512_set1_epi32(0xFF));
                        _mm512_i32gather_ps::<4>(indices, table)
                    }
                    1 => _mm512_permutexvar_ps(entries, _mm512_loadu_ps(table)),
                    _ => _mm512_permutex2var_ps(_mm512_loadu_ps(table), entries, _mm512_loadu_ps(table.add(16))),
                }
            };
            // SAFETY: the caller has room for sixteen.
            unsafe { _mm512_storeu_ps(out, found) };
        }
    }

    /// For each set of eight lanes, the shuffle that brings each of its lanes its word, of eight words that both halves of a
    /// vector hold: to lane `i` that of as many as there are lanes of the set below `i`, and zeros to the other lanes.
    #[derive(Debug)]
    #[repr(align(32))]
    pub(crate) struct Expansions(pub(crate) [[u8; 32]; 256]);

    pub(crate) static EXPANSIONS: Expansions = Expansions({
        // A byte whose highest bit is set asks for zero.
        let mut table = [[0x80; 32]; 256];
        let mut set = 0;
        while set < 256 {
            let (mut lane, mut word) = (0, 0);
            while lane < 8 {
                if set >> lane & 1 == 1 {
                    table[set][4 * lane] = 2 * word;
                    table[set][4 * lane + 1] = 2 * word + 1;
                    word += 1;
                }
                lane += 1;
            }
            set += 1;
        }
        table
    });

    /// The entry of the index at `place` of the `W` that an entry's symbol stands for, its lowest byte that index.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn part8<const W: usize>(entries: __m256i, place: usize) -> __m256i {
        let low4 = _mm256_set1_epi32(PAIRED as i32 - 1);
        match (W, place) {
            (1, _) => entries,
            (_, 0) => _mm256_and_si256(entries, low4),
            _ => _mm256_and_si256(_mm256_srli_epi32::<4>(entries), low4),
        }
    }

    /// [`part8`] of sixteen.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn part16<const W: usize>(entries: __m512i, place: usize) -> __m512i {
        let low4 = _mm512_set1_epi32(PAIRED as i32 - 1);
        match (W, place) {
            (1, _) => entries,
            (_, 0) => _mm512_and_si512(entries, low4),
            _ => _mm512_and_si512(_mm512_srli_epi32::<4>(entries), low4),
        }
    }

    /// Asks for the memory that outputs come to after those of `group`: written at the kernel's rate it would come late.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn prefetch<T>(group: &[[T; LANES]]) {
        const AHEAD: usize = 1024;
        const LINE: usize = 64;
        for at in (0..size_of_val(group)).step_by(LINE) {
            let line = group.as_ptr().wrapping_byte_add(AHEAD + at);
            // A hint, which may name any address: none is read.
            _mm_prefetch::<_MM_HINT_T0>(line.cast());
        }
    }

    /// The places of a group's lanes in the table.
    #[repr(align(32))]
    struct Places([u32; LANES]);

    /// A body once for each number: loops over arrays of vectors stay loops otherwise, and the arrays in memory.
    macro_rules! unrolled {
        ($number:ident in $($value:literal)*; $body:block) => { $({ const $number: usize = $value; $body })* };
    }

    /// Groups on AVX2, or by the plain kernel where the processor lacks it.
    pub(super) fn avx2_groups<const W: usize, T: Output>(
        words: &[[u8; 2]],
        out: &mut [T],
        states: &mut [u32; LANES],
        slots: &[u32; SCALE],
        values: &Values,
    ) -> (usize, usize) {
        if !Level::Avx2.is_available() {
            return plain_groups::<LANES, W, _, T>(words, out, states, slots, values);
        }
        let is_streamed = values.is_large && out.as_ptr().addr().is_multiple_of(16);
        // SAFETY: the processor has what the level `Avx2` includes.
        unsafe {
            match values.levels {
                0..=16 if T::IS_VALUE && is_streamed => avx2::<W, T, 2, true>(words, out, states, slots, values),
                0..=16 if T::IS_VALUE => avx2::<W, T, 2, false>(words, out, states, slots, values),
                17..=32 if T::IS_VALUE && is_streamed => avx2::<W, T, 4, true>(words, out, states, slots, values),
                17..=32 if T::IS_VALUE => avx2::<W, T, 4, false>(words, out, states, slots, values),
                _ if T::IS_VALUE && is_streamed => avx2::<W, T, 0, true>(words, out, states, slots, values),
                _ => avx2::<W, T, 0, false>(words, out, states, slots, values),
            }
        }
    }

    /// # Safety
    /// With `STREAM`, `out` is aligned to 16 bytes.
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    unsafe fn avx2<const W: usize, T: Output, const BANKS: usize, const STREAM: bool>(
        words: &[[u8; 2]],
        out: &mut [T],
        states: &mut [u32; LANES],
        slots: &[u32; SCALE],
        values: &Values,
    ) -> (usize, usize) {
        let low12 = _mm256_set1_epi32(SCALE as i32 - 1);
        let mut x = [_mm256_setzero_si256(); LANES / 8];
        let mut places = Places([0; LANES]);
        let places = places.0.as_chunks_mut::<8>().0;
        for ((x, lanes), places) in x.iter_mut().zip(states.as_chunks::<8>().0).zip(&mut *places) {
            // SAFETY: eight lanes each.
            unsafe {
                *x = _mm256_loadu_si256(lanes.as_ptr().cast());
                _mm256_storeu_si256(places.as_mut_ptr().cast(), _mm256_and_si256(*x, low12));
            }
        }
        let (mut done, mut read) = (0, 0);
        for group in out.as_chunks_mut::<LANES>().0.chunks_exact_mut(W) {
            if words.len() - read < LANES {
                break;
            }
            if !STREAM {
                prefetch(group);
            }
            unrolled! { N in 0 1 2 3 4 5 6 7; {
                // SAFETY: places were cut to twelve bits, before the loop or at the end of this block.
                let entries = unsafe { lookup8(slots, &places[N]) };
                for (place, part) in group.iter_mut().enumerate() {
                    let part = &raw mut part[8 * N..][..8];
                    // SAFETY: room for eight, a whole number of vectors behind the start of `out`.
                    unsafe { T::store8::<BANKS, STREAM>(part8::<W>(entries, place), values, part.cast()) };
                }
                let frequency = _mm256_srli_epi32::<20>(entries);
                let offset = _mm256_and_si256(_mm256_srli_epi32::<8>(entries), low12);
                let quotient = _mm256_srli_epi32::<{ SCALE_BITS as i32 }>(x[N]);
                let state = _mm256_add_epi32(_mm256_mullo_epi32(frequency, quotient), offset);
                // By halves of lanes: what follows looks at the sign alone, which is that of the upper half.
                let is_low = _mm256_castsi256_ps(_mm256_cmpeq_epi16(state, _mm256_setzero_si256()));
                let set = _mm256_movemask_ps(is_low) as usize;
                // SAFETY: at least 64 words were left before the group, of which each vector reads at most eight and is
                // at most eight ahead; a mask of eight lanes is below 256.
                let (next, expansion) = unsafe {
                    let next = _mm_loadu_si128(words.as_ptr().add(read).cast());
                    (next, _mm256_load_si256(EXPANSIONS.0.as_ptr().add(set).cast()))
                };
                let next = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(next), expansion);
                let refilled = _mm256_or_si256(_mm256_slli_epi32::<16>(state), next);
                let state = _mm256_blendv_ps(_mm256_castsi256_ps(state), _mm256_castsi256_ps(refilled), is_low);
                x[N] = _mm256_castps_si256(state);
                read += set.count_ones() as usize;
                // SAFETY: eight lanes.
                unsafe { _mm256_storeu_si256(places[N].as_mut_ptr().cast(), _mm256_and_si256(x[N], low12)) };
            } }
            done += W * LANES;
        }
        if STREAM {
            // What was written past the caches comes before what this thread writes from here on.
            _mm_sfence();
        }
        for (x, lanes) in x.iter().zip(states.as_chunks_mut::<8>().0) {
            // SAFETY: eight lanes.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), *x) };
        }
        (done, read)
    }

    /// The entries at eight places: by eight loads, which processors with slow gathers do faster.
    ///
    /// # Safety
    /// Places are below 4096.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn lookup8(slots: &[u32; SCALE], places: &[u32; 8]) -> __m256i {
        let at = |lane: usize| {
            // Volatile, for the compiler would take the place out of the register that it was written from: a chain that the
            // processor waits for.
            // SAFETY: a reference.
            let place = unsafe { (&raw const places[lane]).read_volatile() };
            // SAFETY: the caller's promise.
            unsafe { *slots.get_unchecked(place as usize) as i32 }
        };
        _mm256_setr_epi32(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))
    }

    /// Groups on AVX-512, or by the plain kernel where the processor lacks it.
    pub(super) fn avx512_groups<const W: usize, T: Output>(
        words: &[[u8; 2]],
        out: &mut [T],
        states: &mut [u32; LANES],
        slots: &[u32; SCALE],
        values: &Values,
    ) -> (usize, usize) {
        if !Level::Avx512.is_available() {
            return plain_groups::<LANES, W, _, T>(words, out, states, slots, values);
        }
        // SAFETY: the processor has what the level `Avx512` includes.
        unsafe {
            match values.levels {
                0..=16 if T::IS_VALUE => avx512::<W, T, 1>(words, out, states, slots, values),
                17..=32 if T::IS_VALUE => avx512::<W, T, 2>(words, out, states, slots, values),
                _ => avx512::<W, T, 0>(words, out, states, slots, values),
            }
        }
    }

    #[target_feature(enable = "avx512f,avx2,bmi1,bmi2,popcnt")]
    fn avx512<const W: usize, T: Output, const BANKS: usize>(
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
        for group in out.as_chunks_mut::<LANES>().0.chunks_exact_mut(W) {
            if words.len() - read < LANES {
                break;
            }
            prefetch(group);
            for (number, x) in x.iter_mut().enumerate() {
                let places = _mm512_and_si512(*x, low12);
                // SAFETY: places are below 4096.
                let entries = unsafe { _mm512_i32gather_epi32::<4>(places, slots.as_ptr().cast()) };
                for (place, part) in group.iter_mut().enumerate() {
                    let part = &raw mut part[16 * number..][..16];
                    // SAFETY: room for sixteen.
                    unsafe { T::store16::<BANKS>(part16::<W>(entries, place), values, part.cast()) };
                }
                let frequency = _mm512_srli_epi32::<20>(entries);
                let offset = _mm512_and_si512(_mm512_srli_epi32::<8>(entries), low12);
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
            done += W * LANES;
        }
        for (x, lanes) in x.iter().zip(states.as_chunks_mut::<16>().0) {
            // SAFETY: sixteen lanes.
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), *x) };
        }
        (done, read)
    }
}
