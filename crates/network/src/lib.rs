//! Layered network definitions in Rust and TOML, lowered to one graph with named parameters.
//!
//! The way of a network through this crate:
//!
//! 1. A [`Definition`] is a list of layers, written in Rust, in TOML, or taken from the [`zoo`].
//! 2. [`Definition::lower`] turns it into a [`Graph`] for samples of a given shape: nodes in SSA order, each an [`Operator`]
//!    with inputs and parameters. All shapes are checked here, once. Importers of other formats build graphs directly, by a
//!    [`GraphBuilder`].
//! 3. [`Parameters`] hold the numbers: one tensor for each parameter of the graph, by `PyTorch`'s names and layouts.
//! 4. [`Graph::forward`] runs the graph on a tape, with these parameters or others of the same shapes; a [`Network`] joins
//!    the two and predicts.
//! 5. [`Graph::units`] says which axes of which parameters share units. [`shrink`] removes units without inputs or outputs
//!    while no output changes; the [`UnitMap`] carries everything else along, and back to full shapes. [`permute_units`]
//!    changes their order.
#![forbid(unsafe_code)]

mod definition;
mod error;
mod forward;
mod graph;
mod network;
mod parameters;
mod shrink;
mod sparse;
#[cfg(test)]
mod testing;
mod units;
pub mod zoo;

pub use definition::{BatchNorm, Conv, Definition, Dense, Dropout, LayerSpec, Pool, Residual};
pub use error::Error;
pub use forward::{Forward, RunningStatistics};
pub use graph::{Graph, GraphBuilder, Node, Operator, ParameterKind, ParameterSpec};
pub use network::Network;
pub use parameters::Parameters;
pub use shrink::{KeptAxes, KeptUnits, Shrunk, UnitMap, shrink};
pub use sparse::SparsePlan;
pub use units::{GroupInfo, GroupRole, UnitAxis, Units, permute_units};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
