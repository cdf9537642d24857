//! The logistic function and its inverse in integers, the same on every machine.
//!
//! A probability is in units of 2^-16, its logit in units of 1/256 nat. Both tables follow from one constant by integer
//! products and quotients; `docs/format.md` gives the same definition.

use std::sync::OnceLock;

/// Logits are clamped to plus and minus this: 11.25 nats, where probabilities reach the edge of 16 bits.
pub(crate) const LOGIT_MAX: i32 = 2880;

/// `round(2^62 exp(-1/256))`.
const DECAY: u128 = 4_593_706_758_521_714_574;

#[derive(Debug)]
struct Tables {
    /// Probability of each logit from `-LOGIT_MAX` to `LOGIT_MAX`.
    squash: Vec<u16>,
    /// Logit of each probability.
    stretch: Vec<i16>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let unit = 1u128 << 62;
        let mut power = unit;
        let mut upper = Vec::with_capacity(LOGIT_MAX as usize + 1);
        for _ in 0..=LOGIT_MAX {
            upper.push((((unit << 16) / (unit + power)) as u16).clamp(32768, 65535));
            power = (power * DECAY) >> 62;
        }
        let mut squash: Vec<u16> = upper[1..].iter().rev().map(|&p| (65536 - u32::from(p)) as u16).collect();
        squash.extend(&upper);
        let mut stretch = vec![0i16; 65536];
        let mut logit = 0;
        for p in 32768..65536usize {
            while logit < LOGIT_MAX as usize && usize::from(upper[logit]) < p {
                logit += 1;
            }
            stretch[p] = logit as i16;
            stretch[65536 - p] = -(logit as i16);
        }
        stretch[0] = -(LOGIT_MAX as i16);
        Tables { squash, stretch }
    })
}

/// The two tables, looked up once and then at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logistic {
    tables: &'static Tables,
}

impl Logistic {
    pub(crate) fn new() -> Self {
        Self { tables: tables() }
    }

    /// Probability of a logit, 1 to 65535.
    pub(crate) fn squash(self, logit: i32) -> u32 {
        u32::from(self.tables.squash[(logit.clamp(-LOGIT_MAX, LOGIT_MAX) + LOGIT_MAX) as usize])
    }

    /// Logit of a probability below 65536.
    pub(crate) fn stretch(self, p: u32) -> i32 {
        i32::from(self.tables.stretch[p as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_the_logistic_function() {
        let logistic = Logistic::new();
        for x in -LOGIT_MAX..=LOGIT_MAX {
            let exact = 65536.0 / (1.0 + (-f64::from(x) / 256.0).exp());
            assert!((f64::from(logistic.squash(x)) - exact).abs() <= 1.0, "squash({x})");
            assert_eq!(logistic.squash(x) + logistic.squash(-x), 65536);
        }
        for p in 1..65536u32 {
            let exact = (f64::from(p) / f64::from(65536 - p)).ln() * 256.0;
            let error = (f64::from(logistic.stretch(p)) - exact).abs();
            // One step of the logit, or the resolution of the probability where that is coarser.
            let resolution = 256.0 * 65536.0 / (f64::from(p) * f64::from(65536 - p));
            assert!(error <= 1.0 + 2.0 * resolution * 65536.0 / 65536.0, "stretch({p}): off by {error}");
        }
    }
}
