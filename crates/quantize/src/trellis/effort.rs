//! What there is time for at each effort.

use super::profile::TrellisProfile;

/// With so few states there is no time to look for rows that are like others.
const FAST: u16 = 4;
/// The effort from which on rows have bases.
const DENSE: u8 = 9;

/// States of the trellis for an effort of 1 to 9: time doubles with them, and bits get fewer by a hundredth and less a
/// weight.
///
/// Of two million normal weights at 20.8 dB, 4, 8, 16, 64 and 256 states take 3.548, 3.534, 3.523, 3.505 and 3.493 bits a
/// weight; one core with AVX-512, shared with others, quantises and encodes 26, 19, 14, 10 and 4 million of them a
/// second. Readers take the same time for all but bases
/// ([`TrellisProfile::with_effort`]).
#[must_use]
pub fn states_of_effort(effort: u8) -> u16 {
    match effort {
        0..=2 => 4,
        3 => 8,
        4 => 16,
        5..=7 => 64,
        _ => 256,
    }
}

impl TrellisProfile {
    /// Looks for what an effort of 1 to 9 has time for: rows that are like earlier ones, as in tables of embeddings, from
    /// 3 on, in time in proportion to the square of the rows where a sample says that there are some; and, at 9, bases of
    /// rows that follow from the rows before, which readers take several times as long for. `weights` are those that the
    /// profile was made of.
    ///
    /// # Panics
    /// If the weights are not as many as the profile's.
    #[must_use]
    #[track_caller]
    pub fn with_effort(self, weights: &[f32], effort: u8) -> Self {
        let profile = if states_of_effort(effort) > FAST { self.with_references(weights) } else { self };
        if effort >= DENSE { profile.with_bases(weights) } else { profile }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trellis::references::tests::related;

    #[test]
    fn a_higher_effort_looks_for_more() {
        let weights = related(2000, 40);
        let profile = |effort| TrellisProfile::new([2000, 40], &weights).unwrap().with_effort(&weights, effort);
        let found = [1, 2, 3, 8, 9].map(|effort| (profile(effort).references.is_some(), profile(effort).has_bases));
        assert_eq!(found, [(false, false), (false, false), (true, false), (true, false), (true, true)]);
    }
}
