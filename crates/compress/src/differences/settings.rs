//! The settings that differences can name, each by a number that stays its own.

/// What the values of a setting are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Yes or no.
    Flag,
    /// A whole number, 0 or more.
    Whole,
    /// A number.
    Real,
    /// Two numbers.
    Pair,
    /// One of these words; further ones are added at the end.
    Word(&'static [&'static str]),
}

use Form::{Flag, Pair, Real, Whole, Word};

/// The path of every setting in a recipe, but the seed's. A setting's number is its place, counted from 1.
///
/// **New settings go to the end, and none is taken out**: files tell them by their numbers. Small numbers cost least, so what is
/// changed most often stands first.
pub(super) const SETTINGS: &[(&str, Form)] = &[
    ("joint.strength", Real),
    ("augment", Flag),
    ("joint.rounds", Whole),
    ("joint.convolutional", Real),
    ("hard.strength", Real),
    ("prior.components", Whole),
    ("prior.range", Pair),
    ("prior.kind", Word(&["heavy-tailed", "classic"])),
    ("prior.shared", Flag),
    ("prior.covers", Word(&["weights", "all"])),
    ("prior.threshold.absolute", Whole),
    ("prior.threshold.fraction", Real),
    ("plain.rounds", Whole),
    ("hard.rounds", Whole),
    ("tied.rounds", Whole),
    ("tied.level_bits", Whole),
    ("tied.bias_bits", Whole),
    ("batch", Whole),
    ("validation", Whole),
    ("plain.learning_rate", Real),
    ("plain.final_learning_rate", Real),
    ("joint.learning_rate", Real),
    ("joint.floor", Real),
    ("joint.ramp", Real),
    ("joint.threshold", Real),
    ("joint.prune_from", Real),
    ("joint.shrink_from", Real),
    ("joint.bias_strength", Real),
    ("joint.refresh", Whole),
    ("hard.learning_rate", Real),
    ("hard.floor", Real),
    ("hard.refresh", Whole),
    ("hard.std_dev", Pair),
    ("hard.level_floor", Real),
    ("tied.learning_rate", Real),
    ("prior.std_dev", Real),
    ("prior.spread", Real),
    ("prior.proportions", Word(&["uniform"])),
    ("prior.proportions.stick-breaking.alpha", Real),
    ("prior.proportions.dirichlet.alpha", Real),
    ("joint.rise.stages", Whole),
    ("joint.rise.rounds", Whole),
    ("joint.rise.factor", Real),
    ("joint.rise.learning_rate", Real),
    ("joint.rise.last_step", Real),
    ("distillation.share", Real),
    ("distillation.temperature", Real),
];
