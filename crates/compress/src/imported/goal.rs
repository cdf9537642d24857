//! What a compression without data is to reach, and which tensors are treated apart.

use std::fmt;
use std::str::FromStr;

use glob::{MatchOptions, Pattern};

use crate::Error;

/// Bits a weight where nothing is asked for.
pub(super) const DEFAULT_BITS: f64 = 4.0;

/// What the file is to reach. All its bytes count, those of the graph and of tensors that are kept exactly too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most so many bits for each compressed weight.
    BitsPerWeight(f64),
    /// At most the bytes of the source's files divided by this.
    Ratio(f64),
    /// At most so many bytes.
    Bytes(u64),
    /// At least this signal-to-noise ratio over all compressed weights together, in dB: `10 log10(Σ w² / Σ (w - ŵ)²)`.
    SignalToNoise(f64),
    /// At most this relative error of each output, `‖y - ŷ‖ / ‖y‖`, over the inputs that the model is run on; of whole
    /// numbers, this share that is not equal.
    OutputError(f64),
    /// Every tensor as it is, bit for bit.
    Lossless,
}

/// Which error is made least for the bits that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distortion {
    /// The sum of the squared errors of all weights: one step for all, so that tensors of small weights are told coarsely.
    Total,
    /// The sum of each tensor's squared error over its mean square: about the same signal-to-noise ratio for every
    /// tensor. Outputs suffer less from that, as a rule (`docs/models.md` in the repository).
    Relative,
}

impl Default for Goal {
    fn default() -> Self {
        Self::BitsPerWeight(DEFAULT_BITS)
    }
}

impl Goal {
    /// Refuses what no file could be asked for.
    pub(crate) fn check(self) -> Result<(), Error> {
        let (setting, value) = match self {
            Self::BitsPerWeight(value) => ("bits", value),
            Self::Ratio(value) => ("ratio", value),
            Self::SignalToNoise(value) => ("signal-to-noise ratio", value),
            Self::OutputError(value) => ("output error", value),
            Self::Bytes(_) | Self::Lossless => return Ok(()),
        };
        if value > 0.0 && value.is_finite() {
            return Ok(());
        }
        Err(Error::Setting { setting, value, range: "a number above 0" })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BitsPerWeight(bits) => write!(f, "at most {bits} bits a weight"),
            Self::Ratio(ratio) => write!(f, "at least {ratio} times smaller"),
            Self::Bytes(bytes) => write!(f, "at most {bytes} bytes"),
            Self::SignalToNoise(ratio) => write!(f, "at least {ratio} dB"),
            Self::OutputError(error) => write!(f, "an output error of at most {error}"),
            Self::Lossless => write!(f, "every tensor as it is"),
        }
    }
}

/// How tensors that a rule names are treated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Treatment {
    /// At most so many bits a weight in each of them.
    Bits(f64),
    /// Kept exactly.
    Lossless,
}

/// Names of tensors, and how those are treated. Written as `GLOB=bits:6`, `GLOB=lossless` or `GLOB=skip`, which is the
/// same as lossless; `*` stands for any text, `?` for one character, `[ab]` for one of several; `A` is not `a`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pattern: Pattern,
    /// How its tensors are treated.
    pub treatment: Treatment,
}

impl Rule {
    /// Whether it names a tensor.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        // The crate's Default, unlike its new(), takes A for a.
        self.pattern.matches_with(name, MatchOptions::new())
    }

    /// The names, as they were written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.pattern.as_str()
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let problem = |reason: String| Error::Rule { rule: text.to_owned(), reason };
        // Names may have an equals sign in them; treatments have none.
        let (names, treatment) =
            text.rsplit_once('=').ok_or_else(|| problem("write GLOB=bits:6, GLOB=lossless or GLOB=skip".into()))?;
        if names.is_empty() {
            return Err(problem("there are no names before the =; * stands for all".into()));
        }
        let pattern = Pattern::new(names).map_err(|error| {
            let hint = if names.contains('[') { "; [[] stands for a [ itself" } else { "" };
            problem(format!("the glob {names} is wrong: {}{hint}", error.msg))
        })?;
        let treatment = match treatment.split_once(':') {
            None if treatment == "lossless" || treatment == "skip" => Treatment::Lossless,
            Some(("bits", bits)) => match bits.parse() {
                Ok(bits) if bits > 0.0 && f64::is_finite(bits) => Treatment::Bits(bits),
                _ => return Err(problem(format!("{bits} is no number of bits above 0"))),
            },
            _ => return Err(problem(format!("{treatment} is no treatment; there are bits:N, lossless and skip"))),
        };
        Ok(Self { pattern, treatment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_tensors_and_treatments() {
        let rule: Rule = "encoder.layer.[01].*=bits:6.5".parse().unwrap();
        assert_eq!(rule.treatment, Treatment::Bits(6.5));
        assert!(rule.matches("encoder.layer.1.output/dense.weight"));
        assert!(!rule.matches("encoder.layer.2.output.dense.weight"));
        let upper: Rule = "W*=lossless".parse().unwrap();
        assert!(upper.matches("W1") && !upper.matches("w1"), "names differ by their case alone");
        let odd: Rule = "a=b=skip".parse().unwrap();
        assert!(odd.matches("a=b") && odd.treatment == Treatment::Lossless);
    }

    #[test]
    fn what_is_no_rule_says_why() {
        for (text, why) in [
            ("weight", "write GLOB"),
            ("weight=bits:x", "no number of bits"),
            ("weight=bits:-1", "no number of bits"),
            ("weight=bits:inf", "no number of bits"),
            ("weight=four", "no treatment"),
            ("[=skip", "the glob [ is wrong"),
            ("=bits:3", "no names before the ="),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(text), "{error}");
        }
    }

    #[test]
    fn goals_are_positive_numbers() {
        for goal in [
            Goal::BitsPerWeight(0.0),
            Goal::Ratio(-1.0),
            Goal::SignalToNoise(f64::NAN),
            Goal::OutputError(f64::INFINITY),
        ] {
            assert!(goal.check().is_err(), "{goal}");
        }
        assert!(Goal::default().check().is_ok() && Goal::Bytes(0).check().is_ok());
    }
}
