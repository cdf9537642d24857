//! Everything that a run is told: one plain structure, composed of each crate's own settings.
//!
//! A recipe is written in TOML, is printed back whole by `--print-recipe`, and is stored in the file as its
//! *differences from versioned defaults*, which for a default run costs no byte at all.

use mixpress_train::{
    DistillationConfig, Error as TrainError, HardConfig, JointConfig, PlainConfig, PriorConfig, TiedConfig, check_range,
};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The version of the defaults that differences refer to. From the first release on it changes whenever a default does.
pub const DEFAULTS_VERSION: u8 = 1;

/// What a reader who knows no Rust is told of a number that must not be negative.
const NATURAL: &str = "expected a whole number, 0 or more";

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
    /// What phases B, C and D learn from the float network.
    pub distillation: DistillationConfig,
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
            distillation: DistillationConfig::default(),
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
        let plain = |error: toml::de::Error| {
            error.to_string().replace("expected usize", NATURAL).replace("expected u64", NATURAL)
        };
        let recipe: Self = toml::from_str(text).map_err(|error| Error::Recipe(plain(error)))?;
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
        let settings = || {
            check_range("batch", self.batch as f64, 1.0, 65536.0, "from 1 to 65536")?;
            check_range("validation", self.validation as f64, 2.0, 1e9, "at least 2 (one sample in 2 is held out)")?;
            self.distillation.validate()?;
            self.prior.validate()?;
            self.plain.validate()?;
            self.joint.validate()?;
            self.hard.validate()?;
            self.tied.validate()
        };
        settings().map_err(|error| match error {
            TrainError::Setting { setting, value, range } => Error::Setting { setting, value, range },
            TrainError::Mixture(error) => Error::Mixture(error),
            error => Error::Train(error),
        })
    }
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
    fn the_defaults_are_those_of_their_version() {
        // Files hold differences from these: whoever changes a default raises the version and begins a new golden file.
        assert_eq!(DEFAULTS_VERSION, 1);
        assert_eq!(Recipe::default().to_toml(), include_str!("../tests/golden/defaults-1.toml"));
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
