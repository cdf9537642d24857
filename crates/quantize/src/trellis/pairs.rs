//! Matrices that make each other likely: a row of one and the same row of the other belong to one unit.
//!
//! Nothing is known of names. Candidates have the same shape, one of them transposed if need be; a sample of rows, each
//! weight over its scale, tells whether they correlate.

use mixpress_codebook::trellis::MOST_PREDICTED;

use super::profile::TrellisProfile;

/// Matrices of the same shape before a matrix that are looked at.
const NEAR: usize = 16;
/// A pair is one from this mean of the rows' squared correlations on, beyond what chance gives: about a hundredth of a
/// bit a weight.
const CORRELATED: f64 = 0.015;

/// For each matrix of a section the one before it that predicts it best, if there is one, which is not predicted itself.
/// Turns square matrices so that the units they share are rows.
pub(super) fn find(profiles: &mut [TrellisProfile]) -> Vec<Option<usize>> {
    let mut partners: Vec<Option<usize>> = vec![None; profiles.len()];
    // How many each one predicts.
    let mut predicted = vec![0; profiles.len()];
    for number in 0..profiles.len() {
        let own = &profiles[number];
        let is_square = own.rows == own.columns;
        let candidates = (0..number).rev().filter(|&other| {
            let other_profile = &profiles[other];
            predicted[other] < MOST_PREDICTED
                && partners[other].is_none()
                && (other_profile.rows, other_profile.columns) == (own.rows, own.columns)
        });
        let mut best = (CORRELATED, None);
        for other in candidates.take(NEAR) {
            for (is_own_turned, is_other_turned) in [(false, false), (true, false), (true, true), (false, true)] {
                if (is_own_turned || is_other_turned) && !is_square || is_other_turned && predicted[other] > 0 {
                    continue;
                }
                let correlation = correlation((own, is_own_turned), (&profiles[other], is_other_turned));
                if correlation > best.0 {
                    best = (correlation, Some((other, is_own_turned, is_other_turned)));
                }
            }
        }
        if let (correlation, Some((other, is_own_turned, is_other_turned))) = best {
            // Neither of a pair is predicted from rows of its own.
            let given_up: f64 = [number, other].iter().map(|&matrix| profiles[matrix].saved_by_rows()).sum();
            if -0.5 * (1.0 - correlation).log2() < given_up {
                continue;
            }
            profiles[number].references = None;
            profiles[other].references = None;
            if is_own_turned {
                profiles[number].turn();
            }
            if is_other_turned {
                profiles[other].turn();
            }
            partners[number] = Some(other);
            predicted[other] += 1;
        }
    }
    partners
}

/// The mean of the squared correlations of a sample of rows, less what independent ones have.
fn correlation(own: (&TrellisProfile, bool), other: (&TrellisProfile, bool)) -> f64 {
    let columns = own.0.columns;
    if columns < 2 {
        return 0.0;
    }
    let of_row = |(a, b): (&[f32], &[f32])| {
        let (mut both, mut squares) = (0.0, [0.0; 2]);
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            both += a * b;
            squares[0] += a * a;
            squares[1] += b * b;
        }
        let product = squares[0] * squares[1];
        if product > 0.0 { both * both / product } else { 0.0 }
    };
    let [own, other] = [own, other].map(|(profile, is_turned)| profile.sample(is_turned).chunks_exact(columns));
    let count = own.len().max(1);
    own.zip(other).map(of_row).sum::<f64>() / count as f64 - 1.0 / columns as f64
}
