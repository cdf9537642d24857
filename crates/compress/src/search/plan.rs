//! How a search spends its time: one rising trajectory, a brief compression of each of its points, a thorough one of the best.

use mixpress_network::Graph;
use serde::{Deserialize, Serialize};

use crate::Recipe;

/// Held-out samples that a search judges by, where the data have enough.
const HELD_OUT: usize = 10_000;
/// The share of the data that is held out at most: one sample in so many.
const AT_MOST_ONE_IN: usize = 6;

/// Where the strength starts, as a factor of the recipe's.
const FIRST_STRENGTH: f64 = 0.25;
/// By how much it rises from point to point.
const FACTOR: f64 = 1.26;

/// What a search does, apart from what it decides on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The recipe of the point before the strength rises.
    pub first: Recipe,
    /// Points of the trajectory at least, if time allows.
    pub least_points: u64,
    /// Points of the trajectory at most.
    pub most_points: u64,
    /// Rounds of phases C and D for the files that are handed over in the end.
    pub thorough: [u64; 2],
}

impl Plan {
    /// The plan of a search around a recipe.
    pub fn new(recipe: &Recipe, graph: &Graph, samples: usize) -> Self {
        let _ = graph;
        let mut first = recipe.clone();
        if recipe.validation == Recipe::default().validation {
            first.validation = (samples / HELD_OUT).clamp(AT_MOST_ONE_IN, recipe.validation);
        }
        first.joint.strength *= FIRST_STRENGTH;
        first.joint.rounds = share(recipe.joint.rounds, 0.6);
        first.joint.rise.rounds = share(recipe.joint.rounds, 0.15);
        first.joint.rise.factor = FACTOR;
        first.hard.rounds = share(recipe.hard.rounds, 0.375);
        first.tied.rounds = share(recipe.tied.rounds, 0.5);
        Self { first, least_points: 6, most_points: 12, thorough: [recipe.hard.rounds, recipe.tied.rounds] }
    }

    /// The recipe of a point's file.
    pub fn recipe(&self, stage: u64, is_thorough: bool) -> Recipe {
        let mut recipe = self.first.clone();
        recipe.joint.rise.stages = stage;
        if is_thorough {
            [recipe.hard.rounds, recipe.tied.rounds] = self.thorough;
        }
        recipe
    }
}

/// A share of some rounds, at least one.
fn share(rounds: u64, share: f64) -> u64 {
    ((rounds as f64 * share).round() as u64).max(1)
}
