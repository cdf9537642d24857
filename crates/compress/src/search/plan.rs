//! How a search spends its time: one rising trajectory, a file of each of its points, and points between the best one and
//! the next.

use mixpress_network::Graph;
use mixpress_train::{Augmentation, DistillationConfig, ROUND};

use super::{Place, SearchPart};
use crate::Recipe;

/// Held-out samples that a search judges by, where the data have enough.
const HELD_OUT: usize = 10_000;
/// The share of the data that is held out at most: one sample in so many.
const AT_MOST_ONE_IN: usize = 6;

/// Where the strength starts, as a factor of the recipe's.
const FIRST_STRENGTH: f64 = 0.125;
/// By how much it rises from point to point.
const FACTOR: f64 = 1.3;

/// Rounds of joint training between two points, as a share of the recipe's joint training.
///
/// Long ones pay: files of `LeNet-300-100` were 20 % smaller at the same validation error (1.5 to 1.9 %, two seeds)
/// with a share of 0.6 than with 0.15 and phases C and D shortened likewise.
const STAGE: f64 = 0.6;

/// The share of the float network's opinion in what a search's networks learn.
const DISTILLATION_SHARE: f64 = 0.5;
/// The temperature at which it is asked, where augmentation moves samples, and where they are what it knows by heart.
const TEMPERATURE: f64 = 2.0;
const TEMPERATURE_WITHOUT_AUGMENTATION: f64 = 4.0;

/// By how much the strength rises below [`FIRST_STRENGTH`], where a budget asks for it.
const LOWER_FACTOR: f64 = 1.5;

/// Points that are tried even when the budget has been left, unless lower strengths are needed: a frontier of fewer
/// says little.
const LEAST_POINTS: u64 = 6;
const MOST_POINTS: u64 = 12;

/// Points that are tried between the best one and the next, in the end.
const BETWEEN: u64 = 2;

/// Multiply-adds of all dense forward passes that a search with [`LEAST_POINTS`] may take: forty passes over 50,000
/// samples of a network of 29 million multiply-adds. Larger networks have shorter phases.
const MOST_MULTIPLY_ADDS: f64 = 40.0 * 50_000.0 * 29e6;

/// Rounds of phase A and of phase B before the first point, at least, where the recipe has as many.
const LEAST_ROUNDS: [u64; 2] = [4, 5];
/// Phases shortened further than that have one round each.
const LEAST_FACTOR: f64 = 0.01;

/// What a search does, apart from what it decides on its way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// The recipe of the point before the strength rises.
    pub first: Recipe,
    /// Points of the trajectory at least, if time allows; of the first one fewer where lower strengths are needed.
    pub least_points: u64,
    /// Points of the trajectory at most.
    pub most_points: u64,
    /// Points that are tried between the best one and the next, in the end.
    pub between: u64,
    /// Whether it is the plan of lower strengths.
    pub is_lower: bool,
}

impl Plan {
    /// The plan of a search around a recipe.
    pub fn new(recipe: &Recipe, graph: &Graph, samples: usize) -> Self {
        let mut first = recipe.clone();
        if recipe.validation == Recipe::default().validation {
            first.validation = (samples / HELD_OUT).clamp(AT_MOST_ONE_IN, recipe.validation);
        }
        if recipe.distillation.share.is_none() {
            let temperature = match Augmentation::of(recipe.augment, graph.input_shape()) {
                Augmentation::None => TEMPERATURE_WITHOUT_AUGMENTATION,
                Augmentation::Shift => TEMPERATURE,
            };
            first.distillation = DistillationConfig { share: Some(DISTILLATION_SHARE), temperature };
        }
        first.joint.strength *= FIRST_STRENGTH;
        first.joint.rise.rounds = share(recipe.joint.rounds, STAGE);
        first.joint.rise.factor = FACTOR;
        let mut plan =
            Self { first, least_points: LEAST_POINTS, most_points: MOST_POINTS, between: BETWEEN, is_lower: false };
        let cost = (graph.multiply_adds() * ROUND) as f64 * recipe.batch as f64;
        plan.shorten(MOST_MULTIPLY_ADDS / cost);
        plan
    }

    /// What a plan does beyond its first recipe, in a line.
    pub fn outline(&self) -> String {
        let Self { least_points, most_points, between, .. } = self;
        let lower = self.lower().first.joint;
        format!(
            "search = {least_points} to {most_points} points, {between} between, lower from {} by {}",
            lower.strength, lower.rise.factor
        )
    }

    /// The plan of a search where no file of this one keeps the budget: its strengths end where this plan's begin.
    pub fn lower(&self) -> Self {
        let mut lower = self.clone();
        lower.first.joint.rise.factor = LOWER_FACTOR;
        lower.first.joint.strength =
            in_three_digits(self.first.joint.strength * LOWER_FACTOR.powf(-(self.least_points as f64)));
        lower.most_points = self.least_points;
        lower.is_lower = true;
        lower
    }

    /// Shortens phases in proportion where the search would take more than so many rounds. What everything else stands
    /// on, the float network and the trajectory's beginning, is shortened to [`LEAST_ROUNDS`] at most.
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
            self.most_points = self.least_points;
            self.between = 1;
            if factor < LEAST_FACTOR {
                break;
            }
            factor *= 0.95;
        }
    }

    /// Rounds of a search that tries as many points as it must.
    pub fn expected_rounds(&self) -> u64 {
        let Recipe { plain, joint, .. } = &self.first;
        let points = self.least_points + self.between;
        plain.rounds + joint.rounds + (points - 1) * joint.rise.rounds + points * self.rounds_a_file()
    }

    /// Rounds that the file of a point takes, once its stage is done.
    pub fn rounds_a_file(&self) -> u64 {
        self.first.hard.rounds + self.first.tied.rounds
    }

    /// The points to try between one of the trajectory's and the next.
    pub fn places_between(&self, stages: u64) -> Vec<Place> {
        let parts = self.between + 1;
        let hundredths = |part| (100 * part + parts / 2) / parts;
        (1..parts).map(|part| Place { is_lower: self.is_lower, stages, hundredths: hundredths(part) }).collect()
    }

    /// Rounds of a part.
    pub fn rounds_of(&self, part: SearchPart) -> u64 {
        match part {
            SearchPart::Float => self.first.plain.rounds,
            SearchPart::Stage(Place { stages: 0, hundredths: 0, .. }) => self.first.joint.rounds,
            SearchPart::Stage(_) => self.first.joint.rise.rounds,
            SearchPart::File(_) => self.rounds_a_file(),
        }
    }

    /// The recipe of a point's file.
    pub fn recipe(&self, place: Place) -> Recipe {
        let mut recipe = self.first.clone();
        recipe.joint.rise.stages = place.stages + u64::from(!place.is_whole());
        recipe.joint.rise.last_step = if place.is_whole() { 1.0 } else { place.hundredths as f64 / 100.0 };
        recipe
    }
}

/// A number in three digits, which cost few bytes in a file.
fn in_three_digits(number: f64) -> f64 {
    let units = 10_f64.powf(2.0 - number.log10().floor());
    if units.is_finite() { (number * units).round() / units } else { number }
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
    fn points_between_rise_evenly_and_cost_few_bytes() {
        let plan = plan(&zoo::lenet_300_100(), 60_000);
        let whole = Place { is_lower: false, stages: 3, hundredths: 0 };
        let places = [vec![whole], plan.places_between(3), vec![whole.next()]].concat();
        let strengths: Vec<f64> = places.iter().map(|&place| plan.recipe(place).joint.last_strength()).collect();
        let steps: Vec<f64> = strengths.windows(2).map(|pair| pair[1] / pair[0]).collect();
        assert!(steps.iter().all(|step| (step - FACTOR.cbrt()).abs() < 2e-3), "{steps:?}");
        let names: Vec<String> = places.iter().map(Place::to_string).collect();
        assert_eq!(names, ["4", "4.33", "4.67", "5"]);
        let bytes = |place| plan.recipe(place).to_differences().unwrap().len();
        assert!(bytes(places[1]) <= bytes(whole) + 3, "{} and {}", bytes(places[1]), bytes(whole));
    }

    #[test]
    fn searches_learn_from_the_float_network_unless_told_otherwise() {
        let new = |recipe: &Recipe, definition: &Definition, shape: &[usize]| {
            Plan::new(recipe, &definition.lower(shape).unwrap(), 60_000).first.distillation
        };
        let said = |share, temperature| DistillationConfig { share: Some(share), temperature };
        let (lenet, digits) = (zoo::lenet_300_100(), zoo::digits_mlp());
        let recipe = Recipe::default();
        assert_eq!(new(&recipe, &lenet, &[1, 28, 28]), said(0.5, 2.0));
        assert_eq!(new(&recipe, &digits, &[1, 8, 8]), said(0.5, 4.0), "so small images are not moved");
        let still = Recipe { augment: false, ..Recipe::default() };
        assert_eq!(new(&still, &lenet, &[1, 28, 28]), said(0.5, 4.0));
        let labels = Recipe { distillation: said(0.0, 4.0), ..Recipe::default() };
        assert_eq!(new(&labels, &lenet, &[1, 28, 28]), said(0.0, 4.0));
    }

    #[test]
    fn lower_strengths_end_where_the_others_begin() {
        let plan = plan(&zoo::lenet_300_100(), 60_000);
        let lower = plan.lower();
        let last =
            lower.recipe(Place { is_lower: true, stages: lower.most_points - 1, hundredths: 0 }).joint.last_strength();
        assert!((last * LOWER_FACTOR / plan.first.joint.strength - 1.0).abs() < 5e-3);
        assert_eq!(lower.first.joint.strength.to_string(), "0.00384");
        assert_eq!([0.0, 1e-310, 12_345.0].map(in_three_digits), [0.0, 1e-310, 12_300.0]);
    }
}
