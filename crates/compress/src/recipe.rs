//! Everything that a run is told: one plain structure, composed of each crate's own settings.
//!
//! A recipe is written in TOML, is printed back whole by `--print-recipe`, and is stored in the file as its
//! *differences from versioned defaults*, which for a default run costs no byte at all.

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
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is a tree of tables and numbers")
    }
}
