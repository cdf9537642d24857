//! The pass over the weights of the hot cell: all arithmetic on whole vector registers, no table and no scattered sum.
//!
//! A weight's position `t` in `[-1, 1]` gives its score, a polynomial, and its powers, which are rounded to multiples
//! of 2^-21 and summed as integers: adding 6 to a number in `[-1, 1]` leaves it, so rounded, in the mantissa. Weights
//! that are not in the hot cell take part as `t = 0`, which adds nothing, and are then listed, eight at a time, by a
//! table that tells the set bits of a byte.

/// Weights that are swept together: so few that sums of their powers fit into 32 bits.
pub(super) const SWEEP: usize = 512;

/// The highest degree.
pub(super) const LARGEST_DEGREE: usize = 15;

/// Degrees that there are.
pub(super) const DEGREES: [usize; 4] = [3, 7, 11, 15];

/// Adding this to a number in `[-1, 1]` leaves it in units of `1 / UNITS`.
const ROUNDER: f32 = 6.0;
const UNITS: f64 = 2_097_152.0;

/// The positions of the bits that are set in a byte, ascending.
const POSITIONS: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][count] = bit as u8;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
};

/// Where the hot cell is: around zero, up to where `weight · inverse` is ±1. And the score there, coefficients from the
/// constant term up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hot {
    pub(super) inverse: f32,
    /// One of [`DEGREES`].
    pub(super) degree: usize,
    pub(super) score: [f32; LARGEST_DEGREE + 1],
}

/// `Σ t^m` over the weights in the hot cell, up to its degree, in units of their rounding.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HotMoments {
    count: u64,
    powers: [i64; LARGEST_DEGREE],
}

impl HotMoments {
    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        for (sum, other) in self.powers.iter_mut().zip(other.powers) {
            *sum += other;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    pub(super) fn values(&self) -> [f64; LARGEST_DEGREE + 1] {
        std::array::from_fn(|m| if m == 0 { self.count as f64 } else { self.powers[m - 1] as f64 / UNITS })
    }
}

impl Hot {
    /// Adds `factor` times the score of each weight of the hot cell to its entry of `gradient`, and the weight to `moments`.
    /// Positions of the other weights, plus `first`, are written to `cold`; their number is returned. `D` is the degree.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    pub(super) fn sweep<const D: usize>(
        &self,
        weights: &[f32; SWEEP],
        factor: f32,
        gradient: &mut [f32; SWEEP],
        moments: &mut HotMoments,
        first: u32,
        cold: &mut [u32; SWEEP + 8],
    ) -> usize {
        let mut positions = [0.0_f32; SWEEP];
        let mut outside = [0_u8; SWEEP];
        let score = self.score.map(|coefficient| coefficient * factor);
        for i in 0..SWEEP {
            let t = weights[i] * self.inverse;
            // False for NaN.
            let inside = t.abs() <= 1.0;
            let t = if inside { t } else { 0.0 };
            let score = polynomial::<D>(&score, t);
            gradient[i] += if inside { score } else { 0.0 };
            positions[i] = t;
            outside[i] = u8::from(!inside);
        }
        let (low, high) = moments.powers.split_at_mut(8);
        match D {
            3 => add(low, sums(&positions, powers::<3>)),
            7 => add(low, sums(&positions, powers::<7>)),
            _ => add(low, sums(&positions, powers::<8>)),
        }
        match D {
            11 => add(high, sums(&positions, high_powers::<3>)),
            15 => add(high, sums(&positions, high_powers::<7>)),
            _ => (),
        }
        let mut len = 0;
        for (at, outside) in outside.as_chunks::<8>().0.iter().enumerate() {
            // Gathers the lowest bits of eight bytes.
            let bits = (u64::from_le_bytes(*outside).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
            let base = first + 8 * at as u32;
            let cold: &mut [u32; 8] = cold[len..].first_chunk_mut().expect("at most eight more than weights");
            for (cold, position) in cold.iter_mut().zip(POSITIONS[bits as usize]) {
                *cold = base + u32::from(position);
            }
            len += bits.count_ones() as usize;
        }
        moments.count += (SWEEP - len) as u64;
        len
    }
}

/// Adds the sums of a sweep to those of all.
fn add<const N: usize>(sums: &mut [i64], of_sweep: [i32; N]) {
    for (sum, of_sweep) in sums.iter_mut().zip(of_sweep) {
        *sum += i64::from(of_sweep);
    }
}

/// The sums of some powers of the positions, in units.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn sums<const N: usize>(positions: &[f32; SWEEP], powers: impl Fn(f32) -> [f32; N]) -> [i32; N] {
    let mut sums = [0_u32; N];
    for &t in positions {
        let powers = powers(t);
        for m in 0..N {
            sums[m] = sums[m].wrapping_add((powers[m] + ROUNDER).to_bits());
        }
    }
    let bias = ROUNDER.to_bits().wrapping_mul(SWEEP as u32);
    sums.map(|sum| sum.wrapping_sub(bias) as i32)
}

/// The first powers of `t`, from the first up.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn powers<const N: usize>(t: f32) -> [f32; N] {
    let mut powers = [t; N];
    for m in 1..N {
        let half = m.div_ceil(2);
        powers[m] = powers[half - 1] * powers[m - half];
    }
    powers
}

/// Powers of `t` from the ninth up.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn high_powers<const N: usize>(t: f32) -> [f32; N] {
    let t2 = t * t;
    let t4 = t2 * t2;
    let t8 = t4 * t4;
    powers::<N>(t).map(|power| t8 * power)
}

/// Estrin's scheme: pairs, pairs of pairs and so on, so that few operations wait for others.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn polynomial<const D: usize>(c: &[f32; LARGEST_DEGREE + 1], t: f32) -> f32 {
    let t2 = t * t;
    let t4 = t2 * t2;
    let t8 = t4 * t4;
    let four = |at: usize| (c[at] + c[at + 1] * t) + (c[at + 2] + c[at + 3] * t) * t2;
    match D {
        3 => four(0),
        7 => four(0) + four(4) * t4,
        11 => (four(0) + four(4) * t4) + four(8) * t8,
        _ => (four(0) + four(4) * t4) + (four(8) + four(12) * t4) * t8,
    }
}

#[cfg(test)]
mod tests;
