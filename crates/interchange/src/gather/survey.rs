//! What has to be known of a model before it is made anew: its versions, all names in it, and which of the files beside
//! it can go.

use std::collections::HashSet;

use super::message::{Content, Field};
use super::outside::{Files, Found};
use super::tensor::Tensor;
use crate::{Error, Limits, Skeleton};

/// A kind of message that leads to tensors or to names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Sparse,
    Tensor,
    /// A name of a value and its type.
    Value,
}

impl Kind {
    /// What the field of this number holds.
    pub(super) fn inner(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::Sparse,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::Sparse, 1 | 2) => Self::Tensor,
            (Self::Graph, 11..=13) | (Self::Function, 12) => Self::Value,
            _ => return None,
        })
    }

    /// Whether the field of this number is the name of a value or a node.
    fn is_name(self, number: u64) -> bool {
        matches!((self, number), (Self::Node, 1..=3) | (Self::Tensor, 8) | (Self::Value, 1) | (Self::Function, 4 | 5))
    }
}

/// What was learnt of a model.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    pub ir_version: Option<u64>,
    /// The version of the default operators.
    pub opset: Option<u64>,
    pub names: HashSet<Vec<u8>>,
    pub files: Files<'a>,
}

impl<'a> Survey<'a> {
    /// Looks through a model. `has_codebook` says of a tensor's number whether it has a codebook.
    pub(super) fn of(skeleton: &'a Skeleton, has_codebook: impl Fn(usize) -> bool) -> Result<Self, Error> {
        let model = Content::Pieces(&skeleton.files[0].pieces);
        let fields = model.fields()?;
        let ir_version = fields.iter().filter(|field| field.number == 1).find_map(Field::number_held);
        let files = Files::of(skeleton);
        let mut survey = Self { ir_version, opset: opset(model, 8)?, names: HashSet::new(), files };
        survey.message(Kind::Model, model, skeleton, 0)?;
        survey.files.decide(has_codebook);
        Ok(survey)
    }

    fn message(&mut self, kind: Kind, content: Content, skeleton: &Skeleton, depth: u32) -> Result<(), Error> {
        let depth = deeper(kind, depth)?;
        if kind == Kind::Tensor {
            let tensor = Tensor::of(content)?;
            if let Some((file, found)) = self.files.find(&tensor, skeleton) {
                self.files.note(file, matches!(found, Found::Other));
            }
        }
        for field in content.fields()? {
            if let (Some(inner), Some(content)) = (kind.inner(field.number), field.content()) {
                self.message(inner, content, skeleton, depth)?;
            } else if kind.is_name(field.number)
                && let Some(name) = field.text()
            {
                self.names.insert(name.to_vec());
            }
        }
        Ok(())
    }
}

/// The depth within a message, counted in graphs.
pub(super) fn deeper(kind: Kind, depth: u32) -> Result<u32, Error> {
    let limit = Limits::default().max_depth;
    match kind {
        Kind::Graph if depth >= limit => {
            let (what, claimed, limit) = ("levels of graphs", u64::from(depth) + 1, u64::from(limit));
            Err(Error::Limit { what, claimed, limit })
        }
        Kind::Graph => Ok(depth + 1),
        _ => Ok(depth),
    }
}

/// The version of the default operators that a model or a function imports, by the number of its field.
pub(super) fn opset(content: Content, number: u64) -> Result<Option<u64>, Error> {
    for field in content.fields()?.iter().filter(|field| field.number == number) {
        let Some(import) = field.content() else { continue };
        if is_default(import.text(1)?) {
            let versions = import.fields()?;
            return Ok(versions.iter().filter(|field| field.number == 2).find_map(Field::number_held));
        }
    }
    Ok(None)
}

/// Whether this is the domain of the default operators.
pub(super) fn is_default(domain: Option<&[u8]>) -> bool {
    matches!(domain, None | Some(b"" | b"ai.onnx"))
}
