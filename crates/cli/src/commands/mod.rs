//! The commands, a module each, and what they are given.

mod completions;
mod compress;
mod decompress;
mod diff;
mod evaluate;
mod inputs;
mod inspect;
mod measured;
mod model;
mod report;
#[cfg(not(feature = "rten"))]
#[path = "no_runtime.rs"]
mod runtime;
#[cfg(feature = "rten")]
mod runtime;
mod verify;

pub(crate) use completions::completions;
pub(crate) use compress::compress;
pub(crate) use decompress::decompress;
pub(crate) use diff::diff;
pub(crate) use evaluate::evaluate;
pub(crate) use inspect::inspect;
pub(crate) use report::report;
pub(crate) use runtime::predict;
pub(crate) use verify::verify;
