//! Components that have become one are made one.

use crate::{Component, Mixture};

/// Two components whose standard deviations differ by more than this factor are two shapes at one place (a spike and a
/// slab), not one component twice.
const MOST_DIFFERENT_WIDTHS: f64 = 2.0;

impl Mixture {
    /// Merges neighbours whose means are closer than `fraction` of the smaller of their standard deviations, closest first,
    /// as long as two components are left. Returns the new position of each old component.
    ///
    /// A merged component has the proportion, the mean and the variance of the two together, so that the mixture keeps
    /// its mean and variance. What merges with the zero component becomes part of it: its mean stays at zero and the
    /// second moment about zero is kept.
    #[must_use = "whoever holds state for each component must move it along"]
    pub fn merge(&mut self, fraction: f64) -> Vec<usize> {
        let mut components = self.components().to_vec();
        let mut zero = self.zero_index();
        let mut positions: Vec<usize> = (0..components.len()).collect();
        while components.len() > 2 {
            let Some(left) = closest_pair(&components, fraction) else { break };
            let is_zero = left == zero || left + 1 == zero;
            components[left] = merged(&components[left], &components[left + 1], is_zero);
            components.remove(left + 1);
            zero -= usize::from(zero > left);
            for position in &mut positions {
                *position -= usize::from(*position > left);
            }
        }
        if components.len() < self.len() {
            *self = self.with_components(components, zero);
        }
        positions
    }
}

/// The left of the two neighbours that are closest in units of the narrower's standard deviation, if closer than `fraction`.
fn closest_pair(components: &[Component], fraction: f64) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (left, pair) in components.windows(2).enumerate() {
        let narrow = pair[0].std_dev.min(pair[1].std_dev);
        let wide = pair[0].std_dev.max(pair[1].std_dev);
        let distance = (pair[1].mean - pair[0].mean) / narrow;
        if distance < fraction && wide <= MOST_DIFFERENT_WIDTHS * narrow && best.is_none_or(|(best, _)| distance < best)
        {
            best = Some((distance, left));
        }
    }
    best.map(|(_, left)| left)
}

fn merged(a: &Component, b: &Component, at_zero: bool) -> Component {
    let proportion = a.proportion + b.proportion;
    let share = b.proportion / proportion;
    let mean = if at_zero { 0.0 } else { a.mean + share * (b.mean - a.mean) };
    let about = |component: &Component| component.std_dev * component.std_dev + (component.mean - mean).powi(2);
    let variance = (1.0 - share) * about(a) + share * about(b);
    Component { mean, std_dev: variance.sqrt(), proportion }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mixture(parts: &[(f64, f64, f64)]) -> Mixture {
        let total: f64 = parts.iter().map(|part| part.2).sum();
        let component =
            |&(mean, std_dev, weight): &(f64, f64, f64)| Component { mean, std_dev, proportion: weight / total };
        Mixture::new(parts.iter().map(component).collect()).unwrap()
    }

    #[test]
    fn twins_merge_and_others_do_not() {
        let mut one =
            mixture(&[(-2.0, 0.5, 1.0), (0.0, 0.1, 5.0), (0.001, 1.0, 2.0), (3.0, 0.5, 1.0), (3.1, 0.6, 1.0)]);
        assert_eq!(one.merge(0.5), [0, 1, 2, 3, 3]);
        assert_eq!(one.zero_index(), 1);
        let last = one.components()[3];
        assert!((last.mean - 3.05).abs() < 1e-12 && (last.proportion - 0.2).abs() < 1e-12);
        assert!((last.std_dev.powi(2) - (0.5 * (0.25 + 0.36) + 0.0025)).abs() < 1e-12);
        assert_eq!(one.merge(0.5), [0, 1, 2, 3], "nothing is left to merge");
    }

    #[test]
    fn what_merges_with_zero_stays_at_zero() {
        let mut one = mixture(&[(-0.02, 0.1, 1.0), (0.0, 0.1, 3.0), (0.03, 0.15, 1.0), (4.0, 0.1, 1.0)]);
        assert_eq!(one.merge(0.5), [0, 0, 0, 1]);
        assert_eq!((one.zero_index(), one.components()[0].mean), (0, 0.0));
        let mut all = mixture(&[(-0.01, 1.0, 1.0), (0.0, 1.0, 1.0), (0.01, 1.0, 1.0)]);
        let _ = all.merge(1.0);
        assert_eq!(all.len(), 2, "two components are always left");
    }

    proptest! {
        #[test]
        fn moments_are_kept(parts in prop::collection::vec((-1.0..1.0_f64, 0.05..0.4_f64, 0.1..1.0_f64), 2..9), fraction in 0.0..3.0_f64) {
            let mut parts = parts;
            parts.push((0.0, 0.001, 0.5));
            let before = mixture(&parts);
            let mut after = before.clone();
            let positions = after.merge(fraction);
            prop_assert_eq!(positions.len(), before.len());
            prop_assert!(positions.is_sorted() && positions[positions.len() - 1] + 1 == after.len());
            prop_assert_eq!(positions[before.zero_index()], after.zero_index());
            // The spike at zero is too narrow to merge with anything, so mean and variance are kept as they are.
            prop_assert!((before.mean() - after.mean()).abs() < 1e-12);
            prop_assert!((before.std_dev() - after.std_dev()).abs() < 1e-12);
            prop_assert!(after.components().is_sorted_by(|a, b| a.mean <= b.mean));
        }
    }
}
