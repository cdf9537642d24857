//! What may be lost, and how a file is judged by it: with a one-sided confidence bound, since a search picks the luckiest.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Quantile of the standard normal distribution that 95 % of it lie below.
const QUANTILE: f64 = 1.645;

/// What a search is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// The smallest file whose error is at most this many percentage points above the float network's.
    ErrorIncrease(f64),
    /// The smallest file whose error is at most this many percent.
    Error(f64),
    /// The most accurate file of at most this many bytes.
    Bytes(u64),
}

impl Budget {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub(crate) fn validate(self) -> Result<(), Error> {
        let (value, what, range) = match self {
            Self::ErrorIncrease(points) => (points, "percentage points", -100.0..=100.0),
            Self::Error(percent) => (percent, "percent", 0.0..=100.0),
            Self::Bytes(bytes) => (bytes as f64, "bytes", 1.0..=f64::MAX),
        };
        if range.contains(&value) {
            return Ok(());
        }
        let reason = match self {
            Self::ErrorIncrease(_) => "errors rise by -100 to 100 points",
            Self::Error(_) => "errors are from 0 to 100 percent",
            Self::Bytes(_) => "a file has at least one byte",
        };
        Err(Error::Budget { value, what, reason })
    }

    /// What the budget is compared with, from which of the held-out samples the float network and the compressed one
    /// got wrong: the upper end of the one-sided 95 % confidence interval of the increase in percentage points, or of
    /// the error in percent.
    ///
    /// Both are score intervals: Tango's of the difference of paired proportions (1998), Wilson's of a proportion (1927).
    pub(crate) fn bound(self, float: &[bool], compressed: &[bool]) -> f64 {
        match self {
            Self::ErrorIncrease(_) | Self::Bytes(_) => paired(float, compressed),
            Self::Error(_) => wilson(compressed),
        }
    }

    /// Why so few held-out samples can hardly show that a file keeps the budget, if that is so.
    pub(crate) fn out_of_reach(self, samples: usize) -> Option<String> {
        let best = self.bound(&vec![false; samples], &vec![false; samples]);
        let samples = if samples == 1 { "1 held-out sample".into() } else { format!("{samples} held-out samples") };
        match self {
            Self::ErrorIncrease(most) if best > most => Some(format!(
                "{samples} show at best that the error rises by at most {best:.2} points, where a file errs on the very samples that the \
                 float network does; within {most} points can only be a file that errs less than that"
            )),
            Self::Error(most) if best > most => Some(format!(
                "{samples} show at best an error of at most {best:.2} %, so that no file can be shown to keep {most} %"
            )),
            _ => None,
        }
    }

    /// Whether a file of `bytes` keeps the budget, with its [`Budget::bound`].
    pub(crate) fn is_kept(self, bytes: u64, bound: f64) -> bool {
        match self {
            Self::ErrorIncrease(most) | Self::Error(most) => bound <= most,
            Self::Bytes(most) => bytes <= most,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorIncrease(points) => write!(f, "an error increase of at most {points} points"),
            Self::Error(percent) => write!(f, "an error of at most {percent} %"),
            Self::Bytes(bytes) => write!(f, "at most {bytes} bytes"),
        }
    }
}

/// Upper end for the difference of two paired error rates, in percentage points.
///
/// The difference at which the score test no longer refuses it (Tango 1998, "Equivalence test and confidence interval
/// for the difference in proportions for the paired-sample design", equations 3 and 4), which keeps its level for few
/// samples, too.
fn paired(float: &[bool], compressed: &[bool]) -> f64 {
    let newly = |was: bool, is: bool| {
        float.iter().zip(compressed).filter(|&(&float, &compressed)| (float, compressed) == (was, is)).count() as f64
    };
    let (worse, better, samples) = (newly(false, true), newly(true, false), float.len().max(1) as f64);
    let is_refused = |difference: f64| {
        let spread = difference * (1.0 - difference);
        let linear = (2.0 * samples - worse + better) * difference - worse - better;
        let root = (linear * linear + 8.0 * samples * better * spread).sqrt();
        // The likeliest share of samples that became right, were this the difference.
        let share = (root - linear) / (4.0 * samples);
        samples * difference - (worse - better) > QUANTILE * (samples * (2.0 * share + spread)).sqrt()
    };
    let (mut kept, mut refused) = ((worse - better) / samples, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(kept, refused);
        if is_refused(middle) { refused = middle } else { kept = middle }
    }
    100.0 * refused
}

/// Upper end for an error rate, in percent.
fn wilson(wrong: &[bool]) -> f64 {
    let samples = wrong.len().max(1) as f64;
    let rate = wrong.iter().filter(|&&wrong| wrong).count() as f64 / samples;
    let square = QUANTILE * QUANTILE;
    let spread = (rate * (1.0 - rate) / samples + square / (4.0 * samples * samples)).sqrt();
    let bound = 100.0 * (rate + square / (2.0 * samples) + QUANTILE * spread) / (1.0 + square / samples);
    // Where all are wrong it is 100, but for rounding.
    bound.clamp(percent(wrong), 100.0)
}

/// Percent of the samples that are wrong.
pub(crate) fn percent(wrong: &[bool]) -> f64 {
    100.0 * wrong.iter().filter(|&&wrong| wrong).count() as f64 / wrong.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `samples` of which those in the range are wrong.
    fn wrong(samples: usize, range: std::ops::Range<usize>) -> Vec<bool> {
        (0..samples).map(|sample| range.contains(&sample)).collect()
    }

    #[test]
    fn bounds_are_those_of_the_formulas() {
        // 100 wrong before; of those 60 still, and 60 others: 60 became wrong and 40 right.
        let (float, compressed) = (wrong(10_000, 0..100), wrong(10_000, 40..160));
        // By its defining equation, with the nuisance share found by maximising the likelihood on a grid.
        let bound = paired(&float, &compressed) / 100.0;
        let likelihood =
            |share: f64| 60.0 * (share + bound).ln() + 40.0 * share.ln() + 9_900.0 * (1.0 - 2.0 * share - bound).ln();
        let share =
            (1..200_000).map(|step| f64::from(step) * 1e-7).max_by(|&a, &b| likelihood(a).total_cmp(&likelihood(b)));
        let variance = 10_000.0 * (2.0 * share.unwrap() + bound * (1.0 - bound));
        let distance = (10_000.0 * bound - 20.0) / variance.sqrt();
        assert!((distance - QUANTILE).abs() < 1e-3, "{distance}");
        // Nothing seen is no proof of nothing: some three samples may still have become wrong (Hanley & Lippman-Hand 1983).
        let none = paired(&wrong(10_000, 0..0), &wrong(10_000, 0..0));
        assert!((0.025..0.035).contains(&none), "{none}");
        // Wilson's interval by its defining equation: the bound is the rate from which the observed one is as far as
        // allowed.
        let bound = wilson(&compressed) / 100.0;
        let distance = (bound - 0.012) / (bound * (1.0 - bound) / 10_000.0).sqrt();
        assert!((distance - QUANTILE).abs() < 1e-9);
        assert!((1..300).all(|samples| wilson(&wrong(samples, 0..samples)) == 100.0));
    }

    #[test]
    fn few_samples_show_little() {
        let budget = Budget::ErrorIncrease(0.2);
        let none = |samples| budget.bound(&wrong(samples, 0..0), &wrong(samples, 0..0));
        assert!(!budget.is_kept(1, none(100)) && budget.is_kept(1, none(10_000)));
        assert!(Budget::Bytes(5).is_kept(5, 99.0) && !Budget::Bytes(5).is_kept(6, 0.0));
    }

    #[test]
    fn a_true_difference_is_seldom_above_its_bound() {
        // One sample in 25 becomes wrong, one in 1000 right; drawn from a simple generator, each time by the same numbers.
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 1000
        };
        let missed = (0..2000)
            .filter(|_| {
                let pairs = (0..240).map(|_| match draw() {
                    0..40 => (false, true),
                    40 => (true, false),
                    _ => (false, false),
                });
                let (float, compressed): (Vec<bool>, Vec<bool>) = pairs.unzip();
                paired(&float, &compressed) < 3.9
            })
            .count();
        assert!((40..140).contains(&missed), "{missed} of 2000 are above, of which 5 % are 100");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_bound_is_above_what_was_seen(pairs in proptest::collection::vec(any::<(bool, bool)>(), 1..300)) {
            let (float, compressed): (Vec<bool>, Vec<bool>) = pairs.into_iter().unzip();
            prop_assert!(paired(&float, &compressed) >= percent(&compressed) - percent(&float));
            prop_assert!(wilson(&compressed) >= percent(&compressed) && wilson(&compressed) <= 100.0);
        }

        #[test]
        fn more_samples_of_the_same_kind_tighten_it(pairs in proptest::collection::vec(any::<(bool, bool)>(), 2..100)) {
            let (float, compressed): (Vec<bool>, Vec<bool>) = pairs.into_iter().unzip();
            prop_assume!(float != compressed);
            let many = |part: &[bool]| part.repeat(20);
            let width = |float: &[bool], compressed: &[bool]| paired(float, compressed) - (percent(compressed) - percent(float));
            prop_assert!(width(&many(&float), &many(&compressed)) < width(&float, &compressed) + 1e-9);
        }
    }

    #[test]
    fn what_samples_cannot_show_is_said() {
        let of = |budget: Budget, samples| budget.out_of_reach(samples);
        assert!(of(Budget::ErrorIncrease(0.2), 239).unwrap().contains("1.12 points"));
        assert!(of(Budget::Error(5.0), 30).unwrap().contains("8.27 %"));
        assert!(of(Budget::Error(5.0), 1).unwrap().starts_with("1 held-out sample show"));
        assert_eq!(of(Budget::ErrorIncrease(0.2), 10_000), None);
        assert_eq!(of(Budget::Error(1.0), 10_000), None);
        assert_eq!(of(Budget::Bytes(1), 1), None);
    }
}
