//! The ranges of the phases' settings: what no phase could work with is refused by name before it begins.

use mixpress_mixture::{Proportions, Range};

use crate::Error;
use crate::config::{HardConfig, JointConfig, PlainConfig, PriorConfig, TiedConfig};

impl PriorConfig {
    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Mixture`], naming the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        let [a, b] = self.range;
        Range::new(a, b)?.means(self.components)?;
        check_range("prior.components", self.components as f64, 2.0, 256.0, "from 2 to 256")?;
        check_range("prior.std_dev", self.std_dev, 1e-3, 10.0, "from 0.001 to 10")?;
        check_range("prior.spread", self.spread, 0.01, 1e6, "from 0.01 to 1000000")?;
        self.threshold.validate()?;
        if let Proportions::StickBreaking { alpha } | Proportions::Dirichlet { alpha } = self.proportions {
            check_range("prior.proportions.alpha", alpha, f64::MIN_POSITIVE, f64::MAX, "positive and finite")?;
        }
        Ok(())
    }
}

impl PlainConfig {
    /// As [`PriorConfig::validate`].
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        rounds("plain.rounds", self.rounds)?;
        rate("plain.learning_rate", self.learning_rate)?;
        rate("plain.final_learning_rate", self.final_learning_rate)
    }
}

impl JointConfig {
    /// As [`PriorConfig::validate`].
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        rounds("joint.rounds", self.rounds)?;
        rate("joint.learning_rate", self.learning_rate)?;
        strength("joint.strength", self.strength)?;
        strength("joint.convolutional", self.convolutional)?;
        strength("joint.bias_strength", self.bias_strength)?;
        fraction("joint.ramp", self.ramp)?;
        fraction("joint.floor", self.floor)?;
        fraction("joint.threshold", self.threshold)?;
        fraction("joint.prune_from", self.prune_from)?;
        fraction("joint.shrink_from", self.shrink_from)?;
        check_range("joint.refresh", self.refresh as f64, 1.0, 1e9, "at least 1")?;
        check_range("joint.rise.stages", self.rise.stages as f64, 0.0, 1000.0, "from 0 to 1000")?;
        rounds("joint.rise.rounds", self.rise.rounds)?;
        rate("joint.rise.learning_rate", self.rise.learning_rate)?;
        check_range("joint.rise.factor", self.rise.factor, 1.0, 100.0, "from 1 to 100")?;
        fraction("joint.rise.last_step", self.rise.last_step)?;
        rounds("joint.rounds, with those of all stages,", self.all_rounds())?;
        strength("joint.strength, after all stages,", self.last_strength())
    }
}

impl HardConfig {
    /// As [`PriorConfig::validate`].
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        rounds("hard.rounds", self.rounds)?;
        rate("hard.learning_rate", self.learning_rate)?;
        strength("hard.strength", self.strength)?;
        fraction("hard.floor", self.floor)?;
        fraction("hard.level_floor", self.level_floor)?;
        check_range("hard.refresh", self.refresh as f64, 1.0, 1e9, "at least 1")?;
        let each = |std_dev| check_range("hard.std_dev", std_dev, 1e-3, 10.0, "two numbers from 0.001 to 10");
        self.std_dev.into_iter().try_for_each(each)
    }
}

impl TiedConfig {
    /// As [`PriorConfig::validate`].
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        rounds("tied.rounds", self.rounds)?;
        rate("tied.learning_rate", self.learning_rate)?;
        check_range("tied.level_bits", self.level_bits.into(), 1.0, 10.0, "from 1 to 10")?;
        check_range("tied.bias_bits", self.bias_bits.into(), 2.0, 8.0, "from 2 to 8")
    }
}

fn rounds(setting: &'static str, value: u64) -> Result<(), Error> {
    check_range(setting, value as f64, 1.0, 1e6, "from 1 to 1000000")
}

fn rate(setting: &'static str, value: f64) -> Result<(), Error> {
    check_range(setting, value, 0.0, 10.0, "from 0 to 10")
}

fn fraction(setting: &'static str, value: f64) -> Result<(), Error> {
    check_range(setting, value, 0.0, 1.0, "from 0 to 1")
}

fn strength(setting: &'static str, value: f64) -> Result<(), Error> {
    check_range(setting, value, 0.0, 1e6, "from 0 to 1000000")
}

/// Checks a setting against its range, the ends included; `range` says it in words.
///
/// # Errors
/// [`Error::Setting`] when the value is outside, or is no number.
pub fn check_range(setting: &'static str, value: f64, least: f64, most: f64, range: &'static str) -> Result<(), Error> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(Error::Setting { setting, value, range }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range_and_what_is_not_is_named() {
        assert!(PriorConfig::default().validate().is_ok());
        assert!(PlainConfig::default().validate().is_ok());
        assert!(JointConfig::default().validate().is_ok());
        assert!(HardConfig::default().validate().is_ok());
        assert!(TiedConfig::default().validate().is_ok());

        let named = |result: Result<(), Error>| result.unwrap_err().to_string();
        assert!(named(PriorConfig { std_dev: 0.0, ..PriorConfig::default() }.validate()).contains("prior.std_dev"));
        assert!(named(PlainConfig { rounds: u64::MAX, ..PlainConfig::default() }.validate()).contains("plain.rounds"));
        assert!(named(JointConfig { ramp: f64::NAN, ..JointConfig::default() }.validate()).contains("joint.ramp"));
        let wide = HardConfig { std_dev: [0.3, 11.0], ..HardConfig::default() };
        assert!(named(wide.validate()).contains("hard.std_dev"));
        assert!(named(TiedConfig { bias_bits: 0, ..TiedConfig::default() }.validate()).contains("tied.bias_bits"));
    }
}
