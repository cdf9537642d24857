//! Axes: from values to places in a figure, and round numbers to mark them by.

/// An axis of a figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    is_log: bool,
    low: f64,
    high: f64,
    /// Where the low and the high end lie.
    from: f64,
    to: f64,
}

/// A marked value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Its place.
    pub at: f64,
    /// It in words.
    pub label: String,
}

impl Scale {
    /// An axis with even steps.
    pub fn linear(low: f64, high: f64, (from, to): (f64, f64)) -> Self {
        let (low, high) = if low < high { (low, high) } else { (low - 1.0, low + 1.0) };
        Self { is_log: false, low, high, from, to }
    }

    /// An axis with even factors, from a positive value on.
    pub fn log(low: f64, high: f64, (from, to): (f64, f64)) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        let high = if low < high { high } else { 10.0 * low };
        Self { is_log: true, low, high, from, to }
    }

    /// An axis for these values: of factors where they are positive and far apart, otherwise of steps from zero.
    pub fn suited(values: impl Iterator<Item = f64>, across: (f64, f64)) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > 0.0 && high > 8.0 * low {
            Self::log(low / 1.3, high * 1.3, across)
        } else {
            Self::linear(low.min(0.0), if high > 0.0 { 1.08 * high } else { 1.0 }, across)
        }
    }

    /// The place of a value; one that is beyond an end lies at that end.
    pub fn at(&self, value: f64) -> f64 {
        let place = if self.is_log {
            (value.max(f64::MIN_POSITIVE).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        // What is no number, or so far out that its place is none, lies at the low end.
        let place = if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) };
        self.from + (self.to - self.from) * place
    }

    /// Round values between the ends, about `most` of them.
    pub fn ticks(&self, most: f64) -> Vec<Tick> {
        let values = if self.is_log { self.round_factors(most) } else { self.round_steps(most) };
        values.into_iter().map(|(value, label)| Tick { at: self.at(value), label }).collect()
    }

    fn round_steps(&self, most: f64) -> Vec<(f64, String)> {
        let step = nice_step(self.high - self.low, most);
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let first = (self.low / step - 1e-9).ceil();
        let last = (self.high / step + 1e-9).floor();
        let steps = (last - first).clamp(0.0, 100.0) as u32;
        let values = (0..=steps).map(|at| (first + f64::from(at)) * step);
        values.map(|value| (value, number(value, digits))).collect()
    }

    fn round_factors(&self, most: f64) -> Vec<(f64, String)> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let is_inside = |value: f64| value >= self.low * (1.0 - 1e-9) && value <= self.high * (1.0 + 1e-9);
        let all = |factors: &[f64], every: usize| -> Vec<(f64, i32)> {
            let powers = (first..=last).filter(|power| power.rem_euclid(every as i32) == 0);
            let values =
                powers.flat_map(|power| factors.iter().map(move |factor| (factor * 10_f64.powi(power), power)));
            values.filter(|&(value, _)| is_inside(value)).collect()
        };
        let every = (all(&[1.0], 1).len() as f64 / (most + 1.0)).ceil().max(1.0) as usize;
        let mut chosen = all(&[1.0], every);
        for factors in [&[1.0, 3.0][..], &[1.0, 2.0, 5.0]] {
            let more = all(factors, 1);
            if chosen.len() < 3 && more.len() as f64 <= most + 1.0 {
                chosen = more;
            }
        }
        chosen.into_iter().map(|(value, power)| (value, number(value, (-power).max(0) as usize))).collect()
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that divides `span` into at most `parts`.
fn nice_step(span: f64, parts: f64) -> f64 {
    let least = (span / parts).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power);
    steps.into_iter().find(|&step| step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A round number: thousands apart, from a hundred thousand on with a letter for them, far from one as a power of ten.
fn number(value: f64, digits: usize) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = if !(9.9e-5..9.995e8).contains(&size) {
        power_of_ten(value)
    } else if size >= 99_999.5 {
        let (unit, letter) = if size >= 999_999.5 { (1e6, 'M') } else { (1e3, 'k') };
        format!("{}{letter}", value / unit)
    } else if digits == 0 {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", crate::grouped(size.round() as u64))
    } else {
        format!("{value:.digits$}")
    };
    text.replace('-', "\u{2212}")
}

/// A number far from one, as `2·10⁻⁶`.
fn power_of_ten(value: f64) -> String {
    let text = format!("{value:.0e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let raised: String =
        exponent.chars().map(|c| c.to_digit(10).map_or('\u{207b}', |digit| RAISED[digit as usize])).collect();
    if mantissa == "1" { format!("10{raised}") } else { format!("{mantissa}\u{b7}10{raised}") }
}

/// Digits of an exponent.
const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACROSS: (f64, f64) = (40.0, 400.0);

    fn labels(scale: Scale, most: f64) -> Vec<String> {
        scale.ticks(most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(Scale::linear(-0.31, 0.29, ACROSS), 4.0), ["\u{2212}0.2", "0", "0.2"]);
        assert_eq!(labels(Scale::linear(0.0, 52.0, ACROSS), 6.0), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(labels(Scale::log(0.5, 240_000.0, ACROSS), 6.0), ["1", "10", "100", "1,000", "10,000", "100k"]);
        assert_eq!(labels(Scale::log(0.0004, 2.6, ACROSS), 6.0), ["0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels(Scale::log(1900.0, 4100.0, ACROSS), 6.0), ["2,000"]);
        assert_eq!(
            labels(Scale::log(1e-9, 1.0, ACROSS), 4.0),
            ["10⁻⁸", "10⁻⁶", "10⁻⁴", "0.01", "1"].map(|l| l.replace("10⁻⁴", "0.0001"))
        );
        assert_eq!(number(-2e9, 0), "\u{2212}2·10⁹");
        assert_eq!([number(3e5, 0), number(-2e6, 0), number(2.5e7, 0)], ["300k", "\u{2212}2M", "25M"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ticks_lie_between_the_ends_and_are_not_many(low in -1e6..1e6_f64, span in 1e-6..1e6_f64, most in 2.0..9.0_f64) {
            for scale in [
                Scale::linear(low, low + span, ACROSS),
                Scale::log(span, span * (1.0 + low.abs()), ACROSS),
                Scale::suited([span, low.abs(), 0.0].into_iter(), ACROSS),
                Scale::suited([span, low.abs() + 1.0].into_iter(), ACROSS),
            ] {
                let ticks = scale.ticks(most);
                prop_assert!(ticks.len() as f64 <= most + 2.0, "{ticks:?}");
                prop_assert!(ticks.iter().all(|tick| (40.0..=400.0).contains(&tick.at)), "{ticks:?}");
                prop_assert!(ticks.is_sorted_by(|a, b| a.at < b.at), "{ticks:?}");
            }
        }

        #[test]
        fn values_of_any_kind_have_a_place(values in proptest::collection::vec(any::<f64>(), 0..5)) {
            let scale = Scale::suited(values.iter().copied().filter(|value| value.abs() < 1e300), ACROSS);
            for value in values {
                prop_assert!(value.is_nan() || (40.0..=400.0).contains(&scale.at(value)), "{value} in {scale:?}");
            }
        }
    }
}
