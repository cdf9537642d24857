//! How likely each number is in each class: a family of three parameters, in whole numbers so that every machine
//! agrees.
//!
//! In class `c` the number `n` has a probability in proportion to `exp(-|n / σ|^β)`, with `log2 σ` linear in `c`. Even
//! and odd numbers have a table each, because the state says which of them comes.

use std::sync::OnceLock;

use crate::{
    Error,
    rans::{SCALE, SCALE_BITS},
};

/// The most classes.
pub const MAX_CLASSES: usize = 40;
/// The largest number that a table may hold, and its negative.
pub(super) const LARGEST: i32 = 252;
/// Every table holds the numbers up to this.
const SMALLEST: i32 = 4;
/// A number belongs to its table if it has at least this share, in powers of two, of the numbers of its parity.
const RAREST: u32 = 15;

/// The probabilities of numbers in all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// The class of the lowest table: quarters of `log2` of the standard deviation over the step. Lower ones share that
    /// table.
    pub lowest: i16,
    /// Number of tables, 1 to [`MAX_CLASSES`]. Higher classes share the last one.
    pub classes: u16,
    /// `β` in units of 1/32, 8 to 128.
    pub shape: u16,
    /// `log2 σ` of the lowest class in units of 1/256, -4096 to 4096.
    pub scale: i16,
    /// By how much `log2 σ` grows from a class to the next, in units of 1/256, 0 to 255.
    pub slope: u16,
}

/// The largest scale of a model, and its negative.
const SCALE_END: i16 = 4096;
/// `round(2^62 * 2^(-1/256))`.
const DECAY: u128 = 4_599_216_278_082_138_665;
/// `round(2^36 * 256 * log2(e))`.
const LOG2_E: u128 = 25_380_159_564_675;

/// Logarithms and powers to base 2 in units of 1/256.
#[derive(Debug)]
struct Powers {
    /// `2^(62 - i / 256)`.
    down: [u64; 257],
    /// The logarithm of each number, rounded down; the first one is not used.
    logs: [i32; LARGEST as usize + 1],
}

fn powers() -> &'static Powers {
    static POWERS: OnceLock<Powers> = OnceLock::new();
    POWERS.get_or_init(|| {
        let mut down = [1u64 << 62; 257];
        for i in 1..down.len() {
            down[i] = ((u128::from(down[i - 1]) * DECAY) >> 62) as u64;
        }
        let mut logs = [0; LARGEST as usize + 1];
        for (n, log) in logs.iter_mut().enumerate().skip(1) {
            *log = log2(n as u128);
        }
        Powers { down, logs }
    })
}

/// `floor(256 log2 n)`, by squaring eight times.
fn log2(n: u128) -> i32 {
    let whole = n.ilog2();
    let mut rest = n << (62 - whole);
    let mut log = whole as i32;
    for _ in 0..8 {
        rest = (rest * rest) >> 62;
        let bit = rest >> 63 & 1;
        rest >>= bit;
        log = 2 * log + bit as i32;
    }
    log
}

/// `2^30 exp(-|n / σ|^β)` with `β` in units of 1/32 and `log2 σ` in units of 1/256.
fn weight(n: i32, shape: i32, log_scale: i32) -> u64 {
    if n == 0 {
        return 1 << 30;
    }
    let powers = powers();
    // |n / σ|^β as a power of two, and that times log2(e) in units of 1/256.
    let power = (shape * (powers.logs[n.unsigned_abs() as usize] - log_scale)).div_euclid(32);
    let (whole, part) = (power.div_euclid(256), power.rem_euclid(256));
    if whole >= 6 {
        return 0;
    }
    let fraction = (LOG2_E * u128::from(powers.down[256 - part as usize] >> 26)) >> 36;
    let exponent = (fraction >> (35 - whole).min(127)) as usize;
    if exponent >= 31 << 8 { 0 } else { powers.down[exponent & 255] >> (32 + (exponent >> 8)) }
}

impl Model {
    /// A model for weights that are nearly normal in each class, before any was looked at.
    ///
    /// # Panics
    /// If there are no classes, or more than [`MAX_CLASSES`].
    #[must_use]
    #[track_caller]
    pub fn normal(lowest: i16, classes: u16) -> Self {
        assert!((1..=MAX_CLASSES as u16).contains(&classes), "{classes} classes");
        Self { lowest, classes, shape: 59, scale: (64 * lowest + 109).clamp(-SCALE_END, SCALE_END), slope: 64 }
    }

    /// The bits that a number of each class takes, on average over those that the class makes likely.
    pub(super) fn expected_bits(&self) -> Vec<f64> {
        let of = |frequency: u32| f64::from(frequency) * (f64::from(SCALE_BITS) - f64::from(frequency).log2());
        let entropy = |frequencies: &Vec<u32>| frequencies.iter().copied().map(of).sum::<f64>() / SCALE as f64;
        let of_class = |class| self.tables(class).frequencies.iter().map(entropy).sum::<f64>() / 2.0;
        (0..usize::from(self.classes)).map(of_class).collect()
    }

    /// Refuses parameters that are out of bounds.
    pub(super) fn validated(self) -> Result<Self, Error> {
        let check = |what, value: i64, low: i64, high: i64, rule| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::Malformed { what, value: value as u64, rule })
            }
        };
        check("the number of classes", i64::from(self.classes), 1, MAX_CLASSES as i64, "there are 1 to 40")?;
        check("the lowest class", i64::from(self.lowest), -200, 200, "it is -200 to 200")?;
        check("the shape of classes", i64::from(self.shape), 8, 128, "it is 8 to 128")?;
        check(
            "the scale of classes",
            i64::from(self.scale),
            -i64::from(SCALE_END),
            SCALE_END.into(),
            "it is -4096 to 4096",
        )?;
        check("the slope of classes", i64::from(self.slope), 0, 255, "it is 0 to 255")?;
        Ok(self)
    }

    /// The table of a weight in a row and a column of such scales.
    #[inline]
    #[must_use]
    pub fn class(&self, row: i16, column: i16) -> usize {
        let class = i32::from(row) + i32::from(column) - i32::from(self.lowest);
        class.clamp(0, i32::from(self.classes) - 1) as usize
    }

    /// The tables of a class.
    #[must_use]
    pub fn tables(&self, class: usize) -> ClassTables {
        let log_scale = i32::from(self.scale) + i32::from(self.slope) * class as i32;
        let weight = |n: i32| weight(n, i32::from(self.shape), log_scale);
        let positive: Vec<u64> = (0..=LARGEST).map(weight).collect();
        // Odd numbers together weigh about what even ones do, unless there are next to none but zeros.
        let even: u64 = (0..=LARGEST).step_by(2).map(|n| positive[n as usize] * if n == 0 { 1 } else { 2 }).sum();
        let last = (0..=LARGEST).rev().find(|&n| positive[n as usize] << RAREST >= even).unwrap_or(0);
        let largest = (last.max(SMALLEST) + 3) / 4 * 4;
        let frequencies = [0, 1].map(|z| {
            let weights: Vec<u64> =
                (z - largest..=largest - z).step_by(2).map(|n| positive[n.unsigned_abs() as usize]).collect();
            shares(&weights)
        });
        ClassTables { largest, frequencies }
    }
}

/// The frequencies of a class's numbers in units of 2^-12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassTables {
    /// The largest even number, a multiple of four, and its negative; odd numbers go up to one less.
    pub largest: i32,
    /// Those of even and of odd numbers, in their order.
    pub(super) frequencies: [Vec<u32>; 2],
}

impl ClassTables {
    /// Place of a number in the table of its parity.
    #[inline]
    pub(super) fn place(&self, number: i32) -> usize {
        ((number + self.largest) >> 1) as usize
    }

    /// The nearest number that a table has and that leads to the same state.
    #[inline]
    #[must_use]
    pub fn nearest(&self, number: i32) -> i32 {
        let end = self.largest - (number & 1);
        if number > end {
            end - (end - number).rem_euclid(4)
        } else if number < -end {
            (number + end).rem_euclid(4) - end
        } else {
            number
        }
    }

    /// Bits that a number takes; it has to be in the table.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn bits(&self, number: i32) -> f32 {
        let frequency = self.frequencies[(number & 1) as usize][self.place(number)];
        SCALE_BITS as f32 - (frequency as f32).log2()
    }
}

/// Frequencies of 2^12 in all, at least 1 each, in proportion to weights of at most 2^30, of which there are fewer than
/// 256.
fn shares(weights: &[u64]) -> Vec<u32> {
    let total: u64 = weights.iter().sum();
    // A weight of one slot is what an entry has anyway.
    let above = |weight: u64| (weight << SCALE_BITS).saturating_sub(total);
    let all: u64 = weights.iter().copied().map(above).sum();
    let free = (SCALE - weights.len()) as u64;
    if all == 0 {
        // Only where every weight is zero: there are fewer entries than slots.
        let mut even = vec![1; weights.len()];
        even[weights.len() / 2] += free as u32;
        return even;
    }
    let (mut sum, mut before) = (0, 0);
    let share = |&weight: &u64| {
        sum += above(weight);
        // Below 2^50 times 2^12.
        let share = sum * free / all;
        let more = share - before;
        before = share;
        1 + more as u32
    };
    weights.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logarithms_are_rounded_down() {
        for n in 1..=LARGEST {
            let exact = 256.0 * f64::from(n).log2();
            assert_eq!(f64::from(log2(n as u128)), (exact + 1e-9).floor(), "{n}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn weights_are_those_of_the_formula(n in 0..=LARGEST, shape in 8..=128, log_scale in -1024..=2048) {
            let sigma = 2f64.powf(f64::from(log_scale) / 256.0);
            let exponent = (f64::from(n) / sigma).powf(f64::from(shape) / 32.0);
            let got = weight(n, shape, log_scale) as f64 / 2f64.powi(30);
            // A unit of the logarithm, and one of its power's.
            let off = exponent * (f64::from(shape) / 32.0 + 1.0) / 256.0 + 1.0 / 256.0;
            let (low, high) = ((-exponent - off).exp(), (-exponent + off).exp());
            prop_assert!(got <= high + 1e-9 && got >= low - 1e-8, "{got} {low} {high}");
        }

        #[test]
        fn tables_are_full_and_have_all_that_lead_to_a_state(
            class in 0usize..MAX_CLASSES, shape in 8u16..=128, scale in -4096i16..=4096, slope in 0u16..=255,
            number in -300i32..300
        ) {
            let model = Model { lowest: 0, classes: 40, shape, scale, slope };
            let tables = model.tables(class);
            prop_assert!(tables.largest % 4 == 0 && (SMALLEST..=LARGEST).contains(&tables.largest));
            for (z, frequencies) in tables.frequencies.iter().enumerate() {
                prop_assert_eq!(frequencies.len(), tables.largest as usize + 1 - z);
                prop_assert_eq!(frequencies.iter().sum::<u32>(), SCALE as u32);
                prop_assert!(frequencies.iter().all(|&f| f > 0 && f < SCALE as u32));
            }
            let nearest = tables.nearest(number);
            prop_assert_eq!((nearest - number).rem_euclid(4), 0);
            prop_assert!(tables.bits(nearest) > 0.0);
            let is_inside = number.abs() <= tables.largest - (number & 1);
            prop_assert_eq!(nearest == number, is_inside);
            prop_assert!(is_inside || (tables.largest - nearest.abs() < 5 && nearest.signum() == number.signum()));
        }
    }
}
