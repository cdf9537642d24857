//! The pull of biases to zero: a bias that is not needed costs bytes, too.

/// Where the pull stops growing, in the unit of biases.
const SOFTNESS: f32 = 0.02;

/// Adds the derivative of `strength · ln(1 + |b| / 0.02)`, the penalty of a heavy-tailed prior on each bias, to its
/// gradient.
pub fn pull_biases(biases: &[f32], strength: f32, gradient: &mut [f32]) {
    for (gradient, &bias) in gradient.iter_mut().zip(biases) {
        if bias != 0.0 {
            *gradient += strength * bias.signum() / (bias.abs() + SOFTNESS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pull_is_the_derivative_of_its_penalty() {
        let penalty = |bias: f64| 0.3 * (1.0 + bias.abs() / 0.02).ln();
        for bias in [-1.0_f32, -0.01, 0.0, 0.003, 0.5] {
            let mut gradient = [1.0];
            pull_biases(&[bias], 0.3, &mut gradient);
            let at = f64::from(bias);
            let slope = (penalty(at + 1e-6) - penalty(at - 1e-6)) / 2e-6;
            assert!((f64::from(gradient[0]) - 1.0 - slope).abs() < 1e-3, "{bias}: {gradient:?} against {slope}");
        }
    }
}
