//! How a search spends its time: one rising trajectory, a file of each of its points, and a more thorough one of the best.

use mixpress_network::Graph;
use mixpress_train::ROUND;

use crate::Recipe;

/// Held-out samples that a search judges by, where the data have enough.
const HELD_OUT: usize = 10_000;
/// The share of the data that is held out at most: one sample in so many.
const AT_MOST_ONE_IN: usize = 6;

/// Where the strength starts, as a factor of the recipe's.
const FIRST_STRENGTH: f64 = 0.25;
/// By how much it rises from point to point.
const FACTOR: f64 = 1.26;

/// Rounds of joint training between two points, as a share of the recipe's joint training.
///
/// Long ones pay: files of `LeNet-300-100` were 20 % smaller at the same validation error (1.5 to 1.9 %, two seeds) with a share of 0.6 than
/// with 0.15 and phases C and D shortened likewise.
const STAGE: f64 = 0.6;

/// By how much it rises below that, where a budget asks for it.
const LOWER_FACTOR: f64 = 1.5;

/// Points that are tried even when the budget has been left: a frontier of fewer says little.
const LEAST_POINTS: u64 = 6;
const MOST_POINTS: u64 = 12;

/// Phases C and D of the files that are handed over in the end are so many times as long as the recipe's.
const THOROUGH: u64 = 2;
/// Such files at most.
const MOST_THOROUGH: u64 = 4;

/// Multiply-adds of all dense forward passes that a search with [`LEAST_POINTS`] may take: forty passes over 50,000 samples of a network of 29
/// million multiply-adds. Larger networks have shorter phases.
const MOST_MULTIPLY_ADDS: f64 = 40.0 * 50_000.0 * 29e6;

/// Rounds of phase A and of phase B before the first point, at least, where the recipe has as many.
const LEAST_ROUNDS: [u64; 2] = [4, 5];
/// Phases shortened further than that have one round each.
const LEAST_FACTOR: f64 = 0.01;

/// What a search does, apart from what it decides on its way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// What names of its parts begin with.
    pub tag: &'static str,
    /// The recipe of the point before the strength rises.
    pub first: Recipe,
    /// Points of the trajectory at least, if time allows.
    pub least_points: u64,
    /// Points of the trajectory at most.
    pub most_points: u64,
    /// Rounds of phases C and D for the files that are handed over in the end.
    pub thorough: [u64; 2],
    /// Such files at most.
    pub most_thorough: u64,
}

impl Plan {
    /// The plan of a search around a recipe.
    pub fn new(recipe: &Recipe, graph: &Graph, samples: usize) -> Self {
        let mut first = recipe.clone();
        if recipe.validation == Recipe::default().validation {
            first.validation = (samples / HELD_OUT).clamp(AT_MOST_ONE_IN, recipe.validation);
        }
        first.joint.strength *= FIRST_STRENGTH;
        first.joint.rise.rounds = share(recipe.joint.rounds, STAGE);
        first.joint.rise.factor = FACTOR;
        let thorough = [recipe.hard.rounds, recipe.tied.rounds].map(|rounds| rounds.saturating_mul(THOROUGH));
        let mut plan = Self {
            tag: "",
            first,
            least_points: LEAST_POINTS,
            most_points: MOST_POINTS,
            thorough,
            most_thorough: MOST_THOROUGH,
        };
        let cost = (graph.multiply_adds() * ROUND) as f64 * recipe.batch as f64;
        plan.shorten(MOST_MULTIPLY_ADDS / cost);
        plan
    }

    /// What a plan does beyond its first recipe, in a line.
    pub fn outline(&self) -> String {
        let Self { least_points, most_points, thorough: [hard, tied], most_thorough, .. } = self;
        let lower = self.lower().first.joint;
        format!(
            "search = {least_points} to {most_points} points, {most_thorough} files of {hard} and {tied} rounds, lower from {} by {}",
            lower.strength, lower.rise.factor
        )
    }

    /// The plan of a search where no file of this one keeps the budget: its strengths end where this plan's begin.
    pub fn lower(&self) -> Self {
        let mut lower = self.clone();
        lower.tag = "lower-";
        lower.first.joint.rise.factor = LOWER_FACTOR;
        lower.first.joint.strength *= LOWER_FACTOR.powf(-(self.least_points as f64));
        lower.most_points = self.least_points;
        lower
    }

    /// Shortens phases in proportion where the search would take more than so many rounds. What everything else stands on, the float network
    /// and the trajectory's beginning, is shortened to [`LEAST_ROUNDS`] at most.
    fn shorten(&mut self, most: f64) {
        let whole = self.clone();
        let mut factor = most / self.expected_rounds() as f64;
        while self.expected_rounds() as f64 > most {
            let Recipe { plain, joint, hard, tied, .. } = &whole.first;
            self.first.plain.rounds = share(plain.rounds, factor).max(plain.rounds.min(LEAST_ROUNDS[0]));
            self.first.joint.rounds = share(joint.rounds, factor).max(joint.rounds.min(LEAST_ROUNDS[1]));
            self.first.joint.rise.rounds = share(joint.rise.rounds, factor);
            self.first.hard.rounds = share(hard.rounds, factor);
            self.first.tied.rounds = share(tied.rounds, factor);
            self.thorough = whole.thorough.map(|rounds| share(rounds, factor));
            self.most_points = self.least_points;
            self.most_thorough = 1;
            if factor < LEAST_FACTOR {
                break;
            }
            factor *= 0.95;
        }
    }

    /// Rounds of a search that tries as many points as it must, and hands one over.
    fn expected_rounds(&self) -> u64 {
        let Recipe { plain, joint, hard, tied, .. } = &self.first;
        let brief = self.least_points * (hard.rounds + tied.rounds);
        plain.rounds
            + joint.rounds
            + (self.least_points - 1) * joint.rise.rounds
            + brief
            + self.thorough.iter().sum::<u64>()
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

#[cfg(test)]
mod tests {
    use mixpress_network::{Definition, zoo};

    use super::*;

    fn plan(definition: &Definition, samples: usize) -> Plan {
        Plan::new(&Recipe::default(), &definition.lower(&[1, 28, 28]).unwrap(), samples)
    }

    #[test]
    fn large_networks_pass_over_their_data_forty_times_in_all() {
        for definition in [zoo::vgg_small(), zoo::resnet_20()] {
            let plan = plan(&definition, 60_000);
            let samples = plan.expected_rounds() * ROUND * plan.first.batch as u64;
            assert!(samples <= 40 * 50_000, "{}: {samples} samples", definition.name);
            assert_eq!([plan.first.plain.rounds, plan.first.joint.rounds], LEAST_ROUNDS);
        }
    }

    #[test]
    fn small_networks_have_all_the_rounds_of_their_recipe() {
        for definition in [zoo::lenet_300_100(), zoo::lenet_5_caffe()] {
            let (plan, recipe) = (plan(&definition, 60_000), Recipe::default());
            let rounds =
                |recipe: &Recipe| (recipe.plain.rounds, recipe.joint.rounds, recipe.hard.rounds, recipe.tied.rounds);
            assert_eq!(rounds(&plan.first), rounds(&recipe), "{}", definition.name);
            assert_eq!(plan.recipe(3, true).hard.rounds, 2 * recipe.hard.rounds);
        }
    }

    #[test]
    fn ten_thousand_samples_are_held_out_where_the_data_have_them() {
        for (samples, one_in) in [(60_000, 6), (100_000, 10), (1_000_000, 12), (1_437, 6), (10, 6)] {
            assert_eq!(plan(&zoo::lenet_300_100(), samples).first.validation, one_in, "{samples}");
        }
        let graph = zoo::lenet_300_100().lower(&[1, 28, 28]).unwrap();
        let own = Recipe { validation: 5, ..Recipe::default() };
        assert_eq!(Plan::new(&own, &graph, 60_000).first.validation, 5, "who says it is obeyed");
    }

    #[test]
    fn lower_strengths_end_where_the_others_begin() {
        let plan = plan(&zoo::lenet_300_100(), 60_000);
        let lower = plan.lower();
        let last = lower.recipe(lower.most_points - 1, false).joint.last_strength();
        assert!((last * LOWER_FACTOR / plan.first.joint.strength - 1.0).abs() < 1e-9);
    }
}
