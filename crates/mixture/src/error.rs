//! Everything that can be wrong with a mixture's configuration or statistics.

/// Why a mixture, or one of its settings, was refused. Every message names the value and the remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The preset range of the means is not a finite interval around zero.
    #[error(
        "the range [{a}, {b}] of the means must be finite with a < 0 < b, so that weights can be pruned to 0; choose for example [-16, 16]"
    )]
    Range {
        /// Lower end.
        a: f64,
        /// Upper end.
        b: f64,
    },
    /// Fewer components than a mixture needs.
    #[error("a mixture needs at least 2 components, one of them at zero, not {got}; choose for example 9")]
    TooFewComponents {
        /// Number of components asked for.
        got: usize,
    },
    /// More components than an index can name.
    #[error("{got} components are more than the {limit} that indices of 16 bits can name; choose for example 9")]
    TooManyComponents {
        /// Number of components asked for.
        got: usize,
        /// The most there can be.
        limit: usize,
    },
    /// No component has mean 0.
    #[error("none of the {components} components has mean 0; add one, it is the component of pruned weights")]
    NoZeroComponent {
        /// Number of components given.
        components: usize,
    },
    /// A mean is not a finite number.
    #[error("component {component} has mean {value}; means must be finite")]
    Mean {
        /// Position of the component.
        component: usize,
        /// Its mean.
        value: f64,
    },
    /// A standard deviation is not a positive, finite number.
    #[error(
        "component {component} has standard deviation {value}; it must be positive and finite, keep a floor under it"
    )]
    StdDev {
        /// Position of the component.
        component: usize,
        /// Its standard deviation.
        value: f64,
    },
    /// A mixing proportion is not a probability.
    #[error("component {component} has mixing proportion {value}; proportions must be positive and finite")]
    Proportion {
        /// Position of the component.
        component: usize,
        /// Its mixing proportion.
        value: f64,
    },
    /// The mixing proportions do not sum to one.
    #[error("the mixing proportions sum to {sum} instead of 1; divide them by their sum")]
    ProportionSum {
        /// Their sum.
        sum: f64,
    },
    /// There is not one mixing proportion a component.
    #[error("{got} mixing proportions for {expected} components; a range without a point at 0 gets one component more")]
    ProportionCount {
        /// Number of components.
        expected: usize,
        /// Number of proportions.
        got: usize,
    },
    /// A setting is out of its range.
    #[error("{setting} is {value}; it must be {rule}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
}

/// `value` if it is positive and finite.
pub(crate) fn positive(setting: &'static str, value: f64) -> Result<f64, Error> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(Error::Setting { setting, value, rule: "positive and finite" })
    }
}
