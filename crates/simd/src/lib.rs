//! The vector units that loops run on: chosen at run time, pinned by an environment variable.
//!
//! ```
//! let mut values = [1.0_f32, 2.0, 3.0];
//! mixpress_simd::vectorized(
//!     #[inline(always)]
//!     || values.iter_mut().for_each(|value| *value *= 2.0),
//! );
//! assert_eq!(values, [2.0, 4.0, 6.0]);
//! ```
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::OnceLock;

use pulp::Arch;

/// The environment variable that pins the level, read once a process: a level's name as [`Level`] displays it.
pub const VARIABLE: &str = "MIXPRESS_SIMD";

/// A set of vector units, each one including those before it on its architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the architecture has: 128 bits on `x86_64` and ARM.
    Scalar,
    /// NEON with its fused products, on 64-bit ARM.
    Neon,
    /// 256 bits and fused products: `x86-64-v3`.
    Avx2,
    /// 512 bits: `x86-64-v4`.
    Avx512,
}

impl Level {
    /// All levels of all architectures, the plainest first.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];

    /// The level's name, as the variable takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor has the level's units.
    #[must_use]
    pub fn is_available(self) -> bool {
        self.arch().is_some()
    }

    /// The dispatcher of the level, where this processor has it.
    fn arch(self) -> Option<Arch> {
        match self {
            Self::Scalar => Some(Arch::Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().map(Arch::V4),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::try_new().map(Arch::Neon),
            #[allow(unreachable_patterns, reason = "the levels of other architectures")]
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The level that this process runs on: the one that [`VARIABLE`] names where the processor has it, else the widest.
#[must_use]
pub fn level() -> Level {
    choice().0
}

/// Runs a loop compiled for the vector units of [`level`]. No operation is fused or reordered by that, so the result has the
/// same bytes at each level.
///
/// What `body` calls must be inlined into it to profit, and `body` itself be marked `#[inline(always)]`.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "the body must be compiled inside the function that has the vector units enabled"
)]
pub fn vectorized<R>(body: impl FnOnce() -> R) -> R {
    choice().1.dispatch(body)
}

/// [`vectorized`], on units of at most 256 bits: for loops whose values a compiler shuffles about where it has wider
/// ones. The bytes are the same.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as for `vectorized`")]
pub fn vectorized_narrow<R>(body: impl FnOnce() -> R) -> R {
    static NARROW: OnceLock<Arch> = OnceLock::new();
    let arch = NARROW.get_or_init(|| {
        let (level, arch) = choice();
        if level == Level::Avx512 { Level::Avx2.arch().unwrap_or(arch) } else { arch }
    });
    arch.dispatch(body)
}

/// The level and its dispatcher, decided once.
#[inline]
fn choice() -> (Level, Arch) {
    static CHOICE: OnceLock<(Level, Arch)> = OnceLock::new();
    *CHOICE.get_or_init(|| {
        let pinned = std::env::var(VARIABLE).ok();
        choose(pinned.as_deref())
    })
}

/// The level that is pinned by name where this processor has it, else the widest.
fn choose(pinned: Option<&str>) -> (Level, Arch) {
    let available = || Level::ALL.into_iter().filter_map(|level| Some((level, level.arch()?)));
    let pinned = pinned.and_then(|name| available().find(|(level, _)| level.name().eq_ignore_ascii_case(name)));
    pinned.or_else(|| available().next_back()).unwrap_or((Level::Scalar, Arch::Scalar))
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_named_and_available_is_taken() {
        for level in Level::ALL {
            let taken = choose(Some(&level.to_string())).0;
            assert_eq!(taken == level, level.is_available(), "{level}");
        }
        assert_eq!(choose(Some("SCALAR")).0, Level::Scalar);
    }

    #[test]
    fn without_a_name_that_is_known_the_widest_is_taken() {
        let widest = Level::ALL.into_iter().rfind(|level| level.is_available());
        assert_eq!(Some(choose(None).0), widest);
        assert_eq!(Some(choose(Some("mmx")).0), widest);
    }

    /// Where tests are run with a level pinned that this processor lacks, they must not count as run on that level.
    #[test]
    fn these_tests_run_on_the_level_that_is_pinned() {
        if let Ok(name) = std::env::var(VARIABLE) {
            assert!(level().name().eq_ignore_ascii_case(&name), "{VARIABLE} is {name}, and loops run on {}", level());
        }
    }

    #[test]
    fn narrow_units_compute_the_same_bytes() {
        let values: Vec<f32> = (0_u16..1000).map(|i| f32::from(i).sin()).collect();
        let (mut wide, mut narrow) = (values.clone(), values);
        vectorized(
            #[inline(always)]
            || wide.iter_mut().for_each(|value| *value = *value * 1.7 + 0.3),
        );
        vectorized_narrow(
            #[inline(always)]
            || narrow.iter_mut().for_each(|value| *value = *value * 1.7 + 0.3),
        );
        assert_eq!(wide, narrow);
    }

    #[test]
    fn every_level_computes_the_same_bytes() {
        let values: Vec<f32> = (0_u16..1000).map(|i| f32::from(i).sin()).collect();
        let at = |arch: Arch| {
            let mut out = values.clone();
            arch.dispatch(
                #[inline(always)]
                || out.iter_mut().for_each(|value| *value = *value * 1.7 + 0.3),
            );
            out
        };
        let plain = at(Arch::Scalar);
        for arch in Level::ALL.into_iter().filter_map(Level::arch) {
            assert_eq!(at(arch), plain, "{arch:?}");
        }
    }
}
