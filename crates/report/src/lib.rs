//! What a compression reached, for people and for programs.
//!
//! An [`Outcome`] is plain data; this crate only shows it:
//!
//! - [`table`] is for people: one line a tensor (shape, weights, share kept, components found, bits a weight, bytes),
//!   then size and error before and after;
//! - [`page`] is for people with a browser: one HTML file with tables and pictures that fetches nothing, [`model_page`] likewise;
//! - [`json`] is for programs: one line, one object, every figure of the outcome;
//! - [`inspection`] is for a file whose run nobody watched: the table of what the file alone tells;
//! - [`model_table`], [`plan_table`] and their sisters are for models that were trained elsewhere.
//!
//! Nothing here computes a figure that the outcome does not hold, apart from sums, shares and differences of its own.
//! The text of tables is plain: no colours, no escape codes, the same in a pipe as on a terminal; names that have any
//! are shown with [`printable`].
#![forbid(unsafe_code)]

mod json;
mod model;
mod page;
mod search;
mod table;
mod units;
mod verdict;

pub use json::{Report, json};
pub use mixpress_compress::{Details, LayerOutcome, Outcome};
pub use model::{differences_table, model_json, model_table, plan_json, plan_table, tensors_table};
pub use page::{PageOptions, model_page, page};
pub use table::{inspection, table};
pub use units::{duration, grouped, printable, size};
pub use verdict::{is_hardly_the_source, verdict};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
