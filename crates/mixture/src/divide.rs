//! Dividing components that are too wide for one value to stand for all of their weights.
//!
//! Preset means that suit one layer leave another with a single component a side, however its weights spread:
//! everything below half of it would be cut to zero, everything above become one value. So before target components are
//! selected, a nonzero component whose weights spread by more than a fraction of its mean is divided in two, at its
//! mean, as long as both halves are larger than the count that a target component needs.

use crate::assignment::nearest;

/// Divisions of all components, at most: a component can become eight.
const ROUNDS: usize = 3;

/// Moves of the means to the centres of their weights after a division (Lloyd 1982).
const MOVES: usize = 4;

/// The means of a layer's components after division; ascending, in the unit of the weights, zero among them.
///
/// `spread` is the largest standard deviation of a component's weights in units of its mean; `smallest` the count that both
/// halves must exceed. Weights that are exactly zero are pruned and count for nothing.
///
/// # Panics
/// When zero is not among `means`.
#[must_use]
#[track_caller]
pub fn divide_wide(means: &[f64], weights: &[f32], spread: f64, smallest: f64) -> Vec<f64> {
    assert!(means.contains(&0.0), "one component's mean is zero for ever");
    let mut means = means.to_vec();
    for _ in 0..ROUNDS {
        let groups = groups(&means, weights);
        let mut divided = Vec::with_capacity(2 * means.len());
        for (&mean, group) in means.iter().zip(&groups) {
            match halves(mean, group, spread, smallest) {
                Some(pair) => divided.extend(pair),
                None => divided.push(mean),
            }
        }
        if divided.len() == means.len() {
            break;
        }
        means = divided;
        for _ in 0..MOVES {
            move_to_centres(&mut means, weights);
        }
    }
    means
}

/// The weights nearest to each mean, without those that are pruned.
fn groups(means: &[f64], weights: &[f32]) -> Vec<Vec<f64>> {
    let mut groups = vec![Vec::new(); means.len()];
    for weight in weights.iter().copied().filter(|&weight| weight != 0.0).map(f64::from) {
        groups[nearest(means, weight)].push(weight);
    }
    groups
}

fn halves(mean: f64, group: &[f64], spread: f64, smallest: f64) -> Option<[f64; 2]> {
    if mean == 0.0 || group.is_empty() {
        return None;
    }
    let centre = average(group);
    let variance = group.iter().map(|weight| (weight - centre).powi(2)).sum::<f64>() / group.len() as f64;
    if variance.sqrt() <= spread * centre.abs() {
        return None;
    }
    let (lower, upper): (Vec<f64>, Vec<f64>) = group.iter().partition(|&&weight| weight < centre);
    let both_large = lower.len().min(upper.len()) as f64 > smallest;
    both_large.then(|| [average(&lower), average(&upper)])
}

/// Moves each nonzero mean to the centre of its weights; an order that this would break is kept.
fn move_to_centres(means: &mut [f64], weights: &[f32]) {
    let groups = groups(means, weights);
    for (mean, group) in means.iter_mut().zip(&groups) {
        if *mean != 0.0 && !group.is_empty() {
            *mean = average(group);
        }
    }
}

fn average(group: &[f64]) -> f64 {
    group.iter().sum::<f64>() / group.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wide_component_is_divided_and_a_narrow_one_is_not() {
        let weights: Vec<f32> = [0.5_f32, 0.6, 1.4, 1.5, -0.99, -1.0, -1.01, -1.0].repeat(5);
        let means = divide_wide(&[-1.0, 0.0, 1.0], &weights, 0.25, 4.0);
        assert_eq!(means.len(), 4, "{means:?}");
        for (got, expected) in means.iter().zip([-1.0, 0.0, 0.55, 1.45]) {
            assert!((got - expected).abs() < 1e-6, "{means:?}");
        }
        // Too few weights for two components.
        assert_eq!(divide_wide(&[-1.0, 0.0, 1.0], &weights, 0.25, 10.0).len(), 3);
    }

    proptest! {
        #[test]
        fn means_stay_in_order_and_zero_stays(weights in prop::collection::vec(-2.0_f32..2.0, 0..200), spread in 0.05..1.0_f64) {
            let means = divide_wide(&[-1.5, -0.5, 0.0, 0.7], &weights, spread, 2.0);
            prop_assert!(means.windows(2).all(|pair| pair[0] < pair[1]), "{means:?}");
            prop_assert_eq!(means.iter().filter(|&&mean| mean == 0.0).count(), 1);
            prop_assert!(means.len() >= 4 && means.len() <= 25);
        }

        #[test]
        fn division_never_raises_the_error(weights in prop::collection::vec(-2.0_f32..2.0, 1..200)) {
            let error = |means: &[f64]| -> f64 {
                weights.iter().filter(|&&w| w != 0.0).map(|&w| (f64::from(w) - means[nearest(means, f64::from(w))]).powi(2)).sum()
            };
            let before = [-1.0, 0.0, 1.0];
            prop_assert!(error(&divide_wide(&before, &weights, 0.1, 1.0)) <= error(&before) + 1e-9);
        }
    }
}
