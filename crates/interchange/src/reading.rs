//! What the readers of both formats gather: tensors, where their payloads are, and the files cut into pieces.

use std::fmt;
use std::ops::Range;

use crate::limits::Budget;
use crate::piece::{Encoding, Piece};
use crate::source::Source;
use crate::{Element, Error, Limits};

/// A tensor as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub name: String,
    pub shape: Vec<u64>,
    pub element: Element,
    pub bytes: u64,
    pub place: Place,
}

/// Where a payload is.
#[derive(Debug)]
pub(crate) struct Place {
    /// Number of the source.
    pub source: usize,
    /// Its bytes there.
    pub range: Range<u64>,
    /// How its values are written there.
    pub encoding: Encoding,
}

/// A tensor that stays in the skeleton with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name, or the one it was given.
    pub name: String,
    /// Its bytes, as they are written.
    pub bytes: u64,
    /// Why it stays.
    pub why: Why,
}

/// Why a tensor stays in the skeleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It has so few bytes that a name and a shape would cost as much.
    Small,
    /// It holds texts.
    Texts,
    /// Its type is none that is known here, so its size could not be checked.
    UnknownType,
    /// It has no values; some programs write those elsewhere, in a way of their own.
    NoValues,
    /// Its values are written in more than one part or place, or as a segment of a larger tensor.
    InParts,
    /// Its values are written in another way than protobuf's own, which would not come back.
    Unusual,
    /// It shares some of its bytes in an external file with a tensor of another shape or type.
    Shared,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Small => "it has few bytes",
            Self::Texts => "it holds texts",
            Self::UnknownType => "its type is unknown",
            Self::NoValues => "it has no values of its own",
            Self::InParts => "its values are written in several parts",
            Self::Unusual => "its values are written in a way that would not come back",
            Self::Shared => "it shares bytes with a tensor of another shape or type",
        })
    }
}

/// What was read so far.
#[derive(Debug)]
pub(crate) struct Reading {
    pub limits: Limits,
    pub budget: Budget,
    pub sources: Vec<Source>,
    pub tensors: Vec<Found>,
    pub kept: Vec<Kept>,
}

/// A file of a model, cut into pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileParts {
    /// Its name; of files beside the first, relative to the first one's folder, with `/` between folders.
    pub name: String,
    pub pieces: Vec<Piece>,
}

impl Reading {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, budget: Budget::new(&limits), sources: Vec::new(), tensors: Vec::new(), kept: Vec::new() }
    }

    /// Adds a tensor and returns its number.
    pub(crate) fn add(&mut self, found: Found) -> Result<usize, Error> {
        self.charge(&found.name, found.shape.len())?;
        self.tensors.push(found);
        Ok(self.tensors.len() - 1)
    }

    /// Adds a tensor that stays in the skeleton.
    pub(crate) fn keep(&mut self, name: String, bytes: u64, why: Why) -> Result<(), Error> {
        self.charge(&name, 0)?;
        self.kept.push(Kept { name, bytes, why });
        Ok(())
    }

    fn charge(&mut self, name: &str, axes: usize) -> Result<(), Error> {
        let claimed = (self.tensors.len() + self.kept.len() + 1) as u64;
        if claimed > self.limits.max_tensors {
            return Err(Error::Limit { what: "tensors", claimed, limit: self.limits.max_tensors });
        }
        self.budget.spend(name.len() as u64 + 8 * axes as u64)
    }
}
