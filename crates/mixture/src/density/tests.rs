//! Invariants of the density that hold for every mixture.

use proptest::prelude::*;

use crate::{Component, Mixture};

fn any_mixture() -> impl Strategy<Value = Mixture> {
    let part = (-16.0..16.0_f64, -7.0..1.0_f64, -13.0..0.0_f64);
    prop::collection::vec(part, 1..20).prop_map(|mut parts| {
        parts.push((0.0, -3.0, -1.0));
        let total: f64 = parts.iter().map(|part| part.2.exp()).sum();
        let component = |(mean, width, share): (f64, f64, f64)| Component {
            mean,
            std_dev: width.exp(),
            proportion: share.exp() / total,
        };
        Mixture::new(parts.into_iter().map(component).collect()).unwrap()
    })
}

proptest! {
    #[test]
    fn responsibilities_sum_to_one(mixture in any_mixture(), u in prop_oneof![-20.0..20.0_f64, -2e7..2e7_f64]) {
        let mut responsibilities = vec![f64::NAN; mixture.len()];
        mixture.responsibilities(u, &mut responsibilities);
        prop_assert!(responsibilities.iter().all(|r| (0.0..=1.0).contains(r)));
        prop_assert!((responsibilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn everything_is_finite_far_away(mixture in any_mixture(), far in -32e6..32e6_f64, sigmas in -40.0..40.0_f64) {
        let mut points = vec![far, 32e6, -32e6];
        points.extend(mixture.components().iter().map(|component| component.mean + sigmas * component.std_dev));
        let mut responsibilities = vec![0.0; mixture.len()];
        for u in points {
            let at = mixture.evaluate(u);
            prop_assert!(at.value.is_finite() && at.score.is_finite(), "{:?} at {}", at, u);
            prop_assert_eq!(at.value, mixture.log_density(u));
            mixture.responsibilities(u, &mut responsibilities);
            prop_assert!(responsibilities.iter().all(|r| r.is_finite()));
        }
    }

    #[test]
    fn it_is_the_sum_of_its_components(mixture in any_mixture(), u in -18.0..18.0_f64) {
        let direct: f64 = mixture.components().iter().map(|c| c.proportion * c.log_normal(u).exp()).sum();
        prop_assume!(direct > 1e-280);
        prop_assert!((mixture.log_density(u) - direct.ln()).abs() < 1e-9);
    }

    #[test]
    fn the_score_is_the_slope(mixture in any_mixture(), u in -18.0..18.0_f64) {
        let narrowest = mixture.components().iter().map(|c| c.std_dev).fold(1.0, f64::min);
        let h = 1e-5 * narrowest;
        let slope = (mixture.log_density(u + h) - mixture.log_density(u - h)) / (2.0 * h);
        let score = mixture.score(u);
        // Logarithms of up to 1e8 have rounding errors that the difference quotient magnifies.
        let rounding = mixture.log_density(u).abs() * 1e-15 / h;
        prop_assert!((score - slope).abs() <= 1e-4 * slope.abs() + rounding + 1e-4, "{} {}", score, slope);
    }

    #[test]
    fn the_distribution_function_rises_from_zero_to_one(mixture in any_mixture(), a in -20.0..20.0_f64, b in -20.0..20.0_f64) {
        let (low, high) = (mixture.cdf(a.min(b)), mixture.cdf(a.max(b)));
        prop_assert!((0.0..=1.0 + 1e-12).contains(&low) && low <= high + 1e-15 && high <= 1.0 + 1e-12);
        prop_assert!(mixture.cdf(-1e9) < 1e-12 && (mixture.cdf(1e9) - 1.0).abs() < 1e-12);
    }
}

#[test]
fn moments_of_two_components_by_hand() {
    let component = |mean, std_dev, proportion| Component { mean, std_dev, proportion };
    let mixture = Mixture::new(vec![component(0.0, 1.0, 0.75), component(4.0, 2.0, 0.25)]).unwrap();
    assert_eq!(mixture.mean(), 1.0);
    // E u² = 0.75 · 1 + 0.25 · (4 + 16) = 5.75.
    assert!((mixture.std_dev() - 4.75_f64.sqrt()).abs() < 1e-15);
    assert!((mixture.cdf(0.0) - (0.375 + 0.25 * 0.022_750_131_948_179_2)).abs() < 1e-14);
}
