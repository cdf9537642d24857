//! Other people's models in and out: safetensors, sharded safetensors, ONNX.
//!
//! A model is files, and a file is two things: the payloads of its tensors, and everything else. [`Model::open`] finds
//! the payloads and cuts them out; what is left is the [`Skeleton`], all other bytes with a hole where each payload
//! was. Both can be stored apart. [`Skeleton::write`] puts payloads into the holes, the same or others, and the model
//! is there again: byte for byte if they are the same, and otherwise with every other byte as it was.
//!
//! # Why no model is built
//!
//! A reader that turns a file into its own types and writes those loses what its types do not have: fields of a newer
//! version, the order of keys, white space, numbers written longer than they need be. Here nothing is turned into
//! anything. One kind of piece does both formats:
//!
//! - a *literal*: bytes that stay as they are;
//! - a *hole*: a payload goes here, as it is or, in the older fields of ONNX, value by value as varints or with tags;
//! - a *nested field* of protobuf with a hole somewhere in it. Its length stands before it, and is written anew only where
//!   values take another number of bytes than they did.
//!
//! # What a reader can rely on
//!
//! No file makes [`Model::open`] panic, and no bytes [`Skeleton::from_bytes`]. Nothing is allocated because a header
//! claims it; [`Limits`] bound the rest. A file that a model names is followed only within the model's folder, and
//! never through a link. One payload is in memory at a time, so that a model larger than memory can be read and
//! written.

#![forbid(unsafe_code)]

mod element;
mod error;
mod gather;
mod limits;
mod location;
mod model;
mod moved;
mod onnx;
mod output;
mod piece;
mod reading;
mod safetensors;
mod skeleton;
mod source;
mod stored;
mod twins;
mod varint;
mod wire;
mod write;

pub use element::Element;
pub use error::{BoxError, Error};
pub use gather::{Codebooks, Gathered, Ungathered, WhyPlain};
pub use limits::Limits;
pub use model::{Model, SourceTensor};
pub use onnx::self_contained;
pub use reading::{Kept, Why};
pub use skeleton::{Format, Skeleton};
pub use write::{Payloads, WriteOptions};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
