//! Gradients by central differences.

use crate::assert_close;

/// The gradient of `f` at `point` by central differences, `(f(x + h) - f(x - h)) / 2h` along each axis with
/// `h = step · max(1, |x|)`. The truncation error is of order `h²`, the rounding error of order `ε |f| / h`: for doubles and
/// smooth functions a step of 1e-5 or 1e-6 leaves about ten digits.
pub fn central_differences(point: &[f64], step: f64, mut f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let mut x = point.to_vec();
    (0..x.len())
        .map(|i| {
            let h = step * point[i].abs().max(1.0);
            let (up, down) = (point[i] + h, point[i] - h);
            x[i] = up;
            let above = f(&x);
            x[i] = down;
            let below = f(&x);
            x[i] = point[i];
            (above - below) / (up - down)
        })
        .collect()
}

/// Asserts that `gradient` is the gradient of `f` at `point` within `rel` and `abs`, by central differences of step 1e-6.
///
/// # Panics
///
/// When it is not, naming the worst place.
#[track_caller]
pub fn check_gradient(gradient: &[f64], point: &[f64], rel: f64, abs: f64, f: impl FnMut(&[f64]) -> f64) {
    assert_close(gradient, &central_differences(point, 1e-6, f), rel, abs);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(x: &[f64]) -> f64 {
        x[0].sin() * x[1] + x[1].powi(3)
    }

    #[test]
    fn a_right_gradient_passes() {
        let x = [0.7_f64, -2.0];
        check_gradient(&[x[0].cos() * x[1], x[0].sin() + 3.0 * x[1] * x[1]], &x, 1e-8, 1e-8, f);
    }

    #[test]
    #[should_panic(expected = "worst at 1")]
    fn a_wrong_gradient_does_not() {
        let x = [0.7_f64, -2.0];
        check_gradient(&[x[0].cos() * x[1], x[0].sin() + 3.0 * x[1] * x[1] + 1e-4], &x, 1e-8, 1e-8, f);
    }
}
