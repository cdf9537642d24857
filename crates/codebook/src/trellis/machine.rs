//! The state machine: which whole numbers may follow each other down a column.

use crate::Error;

/// A trellis of 4 to 256 states, those of Ungerboeck's codes (G. Ungerboeck, *Channel coding with multilevel/phase
/// signals*, 1982).
///
/// In state `s` a number has the parity `z = s & 1`; with `n = 2 k + z` the next state is
/// `(s >> 1) ^ ((k & 1) * odd) ^ (z * high)`. Each state has two states before it, whose parities are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trellis {
    states: u16,
    /// What a number of odd parity does to the state; its highest bit is that of the states' numbers.
    high: u32,
    /// What an odd `k` does to the state.
    odd: u32,
}

/// States, and the two constants of each trellis.
const TRELLISES: [(u16, u32, u32); 7] =
    [(4, 2, 1), (8, 5, 2), (16, 9, 2), (32, 18, 4), (64, 33, 10), (128, 78, 43), (256, 166, 121)];

impl Trellis {
    /// The trellis of so many states.
    ///
    /// # Errors
    /// [`Error::TrellisStates`] unless there are 4, 8, 16, 32, 64, 128 or 256.
    pub fn new(states: u16) -> Result<Self, Error> {
        let found = TRELLISES.iter().find(|trellis| trellis.0 == states).ok_or(Error::TrellisStates { states })?;
        Ok(Self { states, high: found.1, odd: found.2 })
    }

    /// Number of states.
    #[must_use]
    pub fn states(self) -> u16 {
        self.states
    }

    /// The state after a number; its parity has to be the state's.
    #[inline]
    #[must_use]
    pub fn next(self, state: u32, number: i32) -> u32 {
        let (z, k) = (number as u32 & 1, number as u32 >> 1 & 1);
        (state >> 1) ^ (k * self.odd) ^ (z * self.high)
    }

    /// The two states before a state: the first one leads there by an even `k`, the second one by an odd `k`.
    #[inline]
    #[must_use]
    pub fn before(self, state: u32) -> [u32; 2] {
        let z = u32::from(state >= u32::from(self.states) / 2);
        let half = state ^ (z * self.high);
        [2 * half + z, 2 * (half ^ self.odd) + z]
    }

    /// What vector kernels need of it: what a number of odd parity, and what an odd `k`, does to the state.
    pub(crate) fn constants(self) -> [u32; 2] {
        [self.high, self.odd]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_before_a_state_lead_to_it() {
        for (states, ..) in TRELLISES {
            let trellis = Trellis::new(states).unwrap();
            let mut seen = vec![0; usize::from(states)];
            for state in 0..u32::from(states) {
                for (odd, before) in trellis.before(state).into_iter().enumerate() {
                    seen[before as usize] += 1;
                    let number = 2 * odd as i32 + (before & 1) as i32;
                    assert_eq!(trellis.next(before, number), state);
                    assert_eq!(trellis.next(before, number - 4), state);
                }
            }
            assert_eq!(seen, vec![2; usize::from(states)], "two ways out of each state");
        }
        assert_eq!(Trellis::new(5), Err(Error::TrellisStates { states: 5 }));
    }
}
