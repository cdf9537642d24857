//! Everything that a run is told: one plain structure, composed of each crate's own settings.
//!
//! A recipe is written in TOML, is printed back whole by `--print-recipe`, and is stored in the file as its
//! *differences from versioned defaults*, which for a default run costs no byte at all.

use mixpress_mixture::{Proportions, Range};
use mixpress_train::{HardConfig, JointConfig, PlainConfig, PriorConfig, TiedConfig};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The version of the defaults that differences refer to. It changes whenever a default does.
pub const DEFAULTS_VERSION: u8 = 1;

/// Every setting of a compression run. `Recipe::default()` is the fixed recipe of all networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Seed of all randomness: the same seed gives the same file.
    pub seed: u64,
    /// Samples in a batch.
    pub batch: usize,
    /// Random shifts of training images by one pixel.
    pub augment: bool,
    /// One sample in this many is held out of the training set for validation.
    pub validation: usize,
    /// The Gaussian mixture.
    pub prior: PriorConfig,
    /// Phase A: plain training.
    pub plain: PlainConfig,
    /// Phase B: joint training.
    pub joint: JointConfig,
    /// Phase C: hard assignment.
    pub hard: HardConfig,
    /// Phase D: tied fine-tuning.
    pub tied: TiedConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 0,
            batch: 128,
            augment: true,
            validation: 12,
            prior: PriorConfig::default(),
            plain: PlainConfig::default(),
            joint: JointConfig::default(),
            hard: HardConfig::default(),
            tied: TiedConfig::default(),
        }
    }
}

impl Recipe {
    /// Reads a recipe; settings that are absent keep their defaults.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the line and the reason: a syntax error, an unknown key, a value of the wrong type or out of
    /// its range.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let recipe: Self = toml::from_str(text).map_err(|error| Error::Recipe(error.to_string()))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The whole recipe as TOML, defaults included.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "every recipe can be written as TOML")]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is a tree of tables and numbers")
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Mixture`], naming the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        let Self { prior, plain, joint, hard, tied, .. } = self;
        within("batch", self.batch as f64, 1.0, 65536.0, "from 1 to 65536")?;
        within("validation", self.validation as f64, 2.0, 1e9, "at least 2 (one sample in 2 is held out)")?;

        let [a, b] = prior.range;
        Range::new(a, b)?.means(prior.components)?;
        within("prior.components", prior.components as f64, 2.0, 256.0, "from 2 to 256")?;
        within("prior.std_dev", prior.std_dev, 1e-3, 10.0, "from 0.001 to 10")?;
        within("prior.spread", prior.spread, 0.01, 1e6, "from 0.01 to 1000000")?;
        prior.threshold.validate()?;
        if let Proportions::StickBreaking { alpha } | Proportions::Dirichlet { alpha } = prior.proportions {
            within("prior.proportions.alpha", alpha, f64::MIN_POSITIVE, f64::MAX, "positive and finite")?;
        }

        for (setting, rounds) in [
            ("plain.rounds", plain.rounds),
            ("joint.rounds", joint.rounds),
            ("hard.rounds", hard.rounds),
            ("tied.rounds", tied.rounds),
        ] {
            within(setting, rounds as f64, 1.0, 1e6, "from 1 to 1000000")?;
        }
        for (setting, rate) in [
            ("plain.learning_rate", plain.learning_rate),
            ("plain.final_learning_rate", plain.final_learning_rate),
            ("joint.learning_rate", joint.learning_rate),
            ("hard.learning_rate", hard.learning_rate),
            ("tied.learning_rate", tied.learning_rate),
        ] {
            within(setting, rate, 0.0, 10.0, "from 0 to 10")?;
        }
        for (setting, fraction) in [
            ("joint.ramp", joint.ramp),
            ("joint.floor", joint.floor),
            ("joint.threshold", joint.threshold),
            ("joint.prune_from", joint.prune_from),
            ("joint.shrink_from", joint.shrink_from),
            ("hard.floor", hard.floor),
            ("hard.level_floor", hard.level_floor),
        ] {
            within(setting, fraction, 0.0, 1.0, "from 0 to 1")?;
        }
        for (setting, strength) in [
            ("joint.strength", joint.strength),
            ("joint.convolutional", joint.convolutional),
            ("joint.bias_strength", joint.bias_strength),
            ("hard.strength", hard.strength),
        ] {
            within(setting, strength, 0.0, 1e6, "from 0 to 1000000")?;
        }
        within("joint.refresh", joint.refresh as f64, 1.0, 1e9, "at least 1")?;
        within("hard.refresh", hard.refresh as f64, 1.0, 1e9, "at least 1")?;
        for std_dev in hard.std_dev {
            within("hard.std_dev", std_dev, 1e-3, 10.0, "two numbers from 0.001 to 10")?;
        }
        within("tied.level_bits", tied.level_bits.into(), 1.0, 10.0, "from 1 to 10")?;
        within("tied.bias_bits", tied.bias_bits.into(), 2.0, 8.0, "from 2 to 8")
    }
}

fn within(setting: &'static str, value: f64, least: f64, most: f64, range: &'static str) -> Result<(), Error> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(Error::Setting { setting, value, range }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_comes_back_from_its_own_text() {
        let mut recipe = Recipe { seed: 9, ..Recipe::default() };
        recipe.joint.strength = 0.123;
        assert_eq!(Recipe::from_toml(&recipe.to_toml()).unwrap(), recipe);
        assert_eq!(Recipe::from_toml("").unwrap(), Recipe::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("sede = 1", "sede"),
            ("batch = 0", "batch"),
            ("[joint]\nstrength = -1.0", "joint.strength"),
            ("[joint]\nstrength = nan", "joint.strength"),
            ("[prior]\ncomponents = 1", "component"),
            ("[prior]\nrange = [2.0, 1.0]", "range"),
            ("[prior]\nrange = [1.0, 2.0]", "range"),
            ("[prior]\nkind = \"gaussian\"", "gaussian"),
            ("[prior.proportions]\ndirichlet = { alpha = 0.0 }", "prior.proportions.alpha"),
            ("[tied]\nbias_bits = 1", "bias_bits"),
        ] {
            let error = Recipe::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
