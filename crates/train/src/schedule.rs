//! The learning rate as a function of the step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::Error;

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Decay {
    /// Not at all.
    Constant {
        /// The learning rate.
        rate: f32,
    },
    /// In steps: multiplied by `factor` whenever another `every` optimiser steps are done.
    Step {
        /// The learning rate at first.
        rate: f32,
        /// What it is multiplied with.
        factor: f32,
        /// Optimiser steps between two multiplications, at least 1.
        every: u64,
    },
    /// Along a half-cosine (Loshchilov & Hutter 2017, arXiv 1608.03983, equation 5, without restarts).
    Cosine {
        /// The learning rate at first.
        from: f32,
        /// The learning rate at the end.
        to: f32,
    },
}

/// A learning rate for each step: a linear warm-up, then a [`Decay`] over the steps that remain.
///
/// ```
/// use mixpress_train::Schedule;
///
/// let schedule = Schedule::cosine(0.1, 0.0).with_warm_up(10);
/// assert_eq!(schedule.at(0, 110), 0.01);
/// assert_eq!(schedule.at(10, 110), 0.1);
/// assert!((schedule.at(60, 110) - 0.05).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// What happens after the warm-up.
    #[serde(flatten)]
    pub decay: Decay,
    /// Steps in which the rate rises linearly to its first value; 0 for none.
    #[serde(default)]
    pub warm_up: u64,
}

impl Schedule {
    /// The same rate throughout.
    #[must_use]
    pub fn constant(rate: f32) -> Self {
        Self { decay: Decay::Constant { rate }, warm_up: 0 }
    }

    /// `rate`, multiplied by `factor` after each `every` steps.
    #[must_use]
    pub fn step(rate: f32, factor: f32, every: u64) -> Self {
        Self { decay: Decay::Step { rate, factor, every }, warm_up: 0 }
    }

    /// A half-cosine between two rates.
    #[must_use]
    pub fn cosine(from: f32, to: f32) -> Self {
        Self { decay: Decay::Cosine { from, to }, warm_up: 0 }
    }

    /// The same schedule behind a warm-up of so many steps.
    #[must_use]
    pub fn with_warm_up(self, steps: u64) -> Self {
        Self { warm_up: steps, ..self }
    }

    /// Checks that all rates are finite and not negative, and that a stepwise decay has steps.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the setting, its value and the range.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |setting, value: f32| {
            let is_inside = value >= 0.0 && value.is_finite();
            let refused = Error::Setting { setting, value: value.into(), range: "at least 0" };
            if is_inside { Ok(()) } else { Err(refused) }
        };
        match self.decay {
            Decay::Constant { rate } => check("rate", rate),
            Decay::Step { every: 0, .. } => Err(Error::Setting { setting: "every", value: 0.0, range: "at least 1" }),
            Decay::Step { rate, factor, .. } => check("rate", rate).and(check("factor", factor)),
            Decay::Cosine { from, to } => check("from", from).and(check("to", to)),
        }
    }

    /// The learning rate of `step` (counted from 0) in a run of `total` steps; from the end on, the last rate.
    #[must_use]
    pub fn at(&self, step: u64, total: u64) -> f32 {
        if step < self.warm_up {
            return (f64::from(self.first()) * (step + 1) as f64 / self.warm_up as f64) as f32;
        }
        let done = step - self.warm_up;
        match self.decay {
            Decay::Constant { rate } => rate,
            Decay::Step { rate, factor, every } => {
                let times = i32::try_from(done / every.max(1)).unwrap_or(i32::MAX);
                (f64::from(rate) * f64::from(factor).powi(times)) as f32
            }
            Decay::Cosine { from, to } => {
                let length = total.saturating_sub(self.warm_up).max(1);
                let progress = done.min(length) as f64 / length as f64;
                let (from, to) = (f64::from(from), f64::from(to));
                (to + (from - to) * 0.5 * (1.0 + (PI * progress).cos())) as f32
            }
        }
    }

    fn first(&self) -> f32 {
        match self.decay {
            Decay::Constant { rate } | Decay::Step { rate, .. } => rate,
            Decay::Cosine { from, .. } => from,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_half_cosine_starts_high_ends_low_and_is_halfway_in_the_middle() {
        let schedule = Schedule::cosine(1e-3, 1e-5);
        assert_eq!(schedule.at(0, 1000), 1e-3);
        assert!((schedule.at(500, 1000) - 5.05e-4).abs() < 1e-9);
        assert_eq!(schedule.at(1000, 1000), 1e-5);
        assert_eq!(schedule.at(5000, 1000), 1e-5);
    }

    #[test]
    fn steps_multiply() {
        let schedule = Schedule::step(1.0, 0.5, 10).with_warm_up(4);
        assert_eq!([0, 3, 4, 13, 14, 24].map(|step| schedule.at(step, 100)), [0.25, 1.0, 1.0, 1.0, 0.5, 0.25]);
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        assert!(Schedule::cosine(1e-3, 0.0).validate().is_ok());
        assert!(Schedule::constant(-1.0).validate().is_err());
        assert!(Schedule::step(0.1, 0.1, 0).validate().is_err());
        assert!(Schedule::cosine(0.1, f32::NAN).validate().is_err());
    }

    #[test]
    fn a_schedule_is_read_back_from_its_text() {
        for schedule in
            [Schedule::cosine(0.1, 0.0).with_warm_up(3), Schedule::step(0.1, 0.5, 7), Schedule::constant(0.25)]
        {
            let text = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule, "{text}");
        }
        let text = r#"{ "kind": "constant", "rate": 0.25 }"#;
        assert_eq!(serde_json::from_str::<Schedule>(text).unwrap(), Schedule::constant(0.25));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rates_rise_in_the_warm_up_fall_after_it_and_stay_in_bounds(
            warm_up in 0_u64..20, total in 0_u64..100, from in 0.1_f32..1.0, to in 0.0_f32..0.1, kind in 0..3,
        ) {
            let schedule = match kind {
                0 => Schedule::constant(from),
                1 => Schedule::step(from, 0.9, 7),
                _ => Schedule::cosine(from, to),
            }
            .with_warm_up(warm_up);
            for step in 0..total + 5 {
                let (now, next) = (schedule.at(step, total), schedule.at(step + 1, total));
                prop_assert!((0.0..=from).contains(&now));
                if step + 1 < warm_up {
                    prop_assert!(next > now);
                } else if step >= warm_up {
                    prop_assert!(next <= now);
                }
            }
        }
    }
}
