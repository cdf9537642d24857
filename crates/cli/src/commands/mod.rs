//! The commands, a module each, and what they are given.

mod completions;
mod compress;
mod decompress;
mod evaluate;
mod inputs;
mod inspect;

pub(crate) use completions::completions;
pub(crate) use compress::compress;
pub(crate) use decompress::decompress;
pub(crate) use evaluate::evaluate;
pub(crate) use inspect::inspect;
