//! An ONNX model whose weights are codebooks and indices, which any runtime looks up: small by itself.
//!
//! In place of a tensor `w` stand the tensors `w_codebook` (its values) and `w_indices` (bytes), and two nodes:
//! `w_places = Cast(w_indices)` to whole numbers of 32 bits, and `w = Gather(w_codebook, w_places)`. The names are
//! changed where others have them. Like becomes like: of an initializer two initializers, with nodes before all others
//! of their graph, and of a `Constant` two of those in its place.

mod message;
mod node;
mod outside;
mod rewrite;
mod survey;
mod tensor;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::{BoxError, Error, Format, Skeleton, WriteOptions};

use message::Content;
use rewrite::{Rewriter, Scope};
use survey::{Kind, Survey};

/// The most values of a codebook: indices are bytes.
const MOST_VALUES: usize = 256;
/// The first IR version whose initializers are not inputs as well.
const IR_VERSION: u64 = 4;
/// The first version of operators whose `Cast` names its type by number.
const CAST: u64 = 6;

/// Gives the tensors of a model by their numbers, as codebooks where they have one.
pub trait Codebooks {
    /// The values of a codebook, little-endian, in the tensor's own type, 1 to 256 of them; nothing for a tensor that
    /// has none, or more. It is asked once for each tensor of a weights' type (f32, f16, bf16), before all others.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn codebook(&mut self, tensor: usize) -> Result<Option<Vec<u8>>, BoxError>;

    /// The number of its codebook's value for each entry, row by row, of a tensor that has a codebook. It may be asked
    /// several times.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn indices(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError>;

    /// The payload, as it is. It may be asked several times, and of a tensor with a codebook, too.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn payload(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError>;
}

/// What was written with codebooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// All files of the model, the one that was asked for first.
    pub paths: Vec<PathBuf>,
    /// Places where a codebook and indices stand now. A tensor that the model has several times has several.
    pub gathered: usize,
    /// Weights that are written as plain values.
    pub plain: Vec<Ungathered>,
}

/// Weights that are written as plain values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ungathered {
    /// The tensor's name.
    pub name: String,
    /// Why it is plain.
    pub why: WhyPlain,
}

/// Why weights are written as plain values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyPlain {
    /// They have no codebook of at most 256 values.
    NoCodebook,
    /// They are a default that callers may replace: an input of the graph has their name.
    Input,
    /// They are the values of a sparse tensor.
    Sparse,
    /// An operator, or a function, takes them as an attribute.
    Attribute,
    /// They belong to a training graph.
    Training,
    /// They have no name that a node could give to its output.
    Nameless,
    /// The operators of their model or function are of a version that lacks what is needed.
    Opset {
        /// The version, if there is one.
        found: Option<u64>,
        /// The oldest one that will do.
        needed: u64,
    },
}

impl fmt::Display for WhyPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCodebook => write!(f, "no codebook of at most {MOST_VALUES} values"),
            Self::Input => write!(f, "an input that callers may set"),
            Self::Sparse => write!(f, "part of a sparse tensor"),
            Self::Attribute => write!(f, "an attribute of an operator"),
            Self::Training => write!(f, "part of a training graph"),
            Self::Nameless => write!(f, "without a name"),
            Self::Opset { found: Some(found), needed } => {
                write!(f, "its operators are of version {found}, not {needed}")
            }
            Self::Opset { found: None, needed } => write!(f, "operators of version {needed} are not imported"),
        }
    }
}

impl Skeleton {
    /// Writes an ONNX model to `path` in which each tensor that has a codebook is looked up by `Gather`. It gives the
    /// same results as the model that [`write`](Self::write) makes of the codebooks' values, in any runtime.
    ///
    /// All else is as in the source, byte for byte. Of files beside the model, those that would lose tensors go: what
    /// else the model has in them stands in the model itself, or follows
    /// [`max_onnx_bytes`](WriteOptions::max_onnx_bytes).
    ///
    /// # Errors
    /// As [`write`](Self::write), and [`Error::GatherFormat`] for what is no ONNX model; [`Error::GatherVersion`] for one
    /// of an IR version below 4 or with default operators below version 6; [`Error::CodebookLength`];
    /// [`Error::Malformed`] for a skeleton that no reader made.
    pub fn write_gathered(
        &self,
        path: impl AsRef<Path>,
        source: &mut dyn Codebooks,
        options: &WriteOptions,
    ) -> Result<Gathered, Error> {
        if self.format != Format::Onnx {
            return Err(Error::GatherFormat);
        }
        outside::check(self)?;
        let codebooks: Vec<_> =
            (0..self.tensors.len()).map(|tensor| self.codebook(tensor, source)).collect::<Result<_, _>>()?;
        let survey = Survey::of(self, |tensor| codebooks[tensor].is_some())?;
        check_versions(&survey)?;
        let scope = Scope { opset: survey.opset, plain: None, depth: 0 };
        let mut rewriter = Rewriter::new(self, &codebooks, survey);
        let model = rewriter.message(Kind::Model, Content::Pieces(&self.files[0].pieces), scope)?;
        let rewritten = rewriter.finish(model.finish());

        let own = self.tensors.len();
        let mut payloads = |number: usize| {
            let Some(&tensor) = number.checked_sub(own).map(|number| &rewritten.indexed[number]) else {
                return Ok(Cow::Owned(source.payload(number)?));
            };
            let indices = source.indices(tensor)?;
            let values = codebooks[tensor].as_ref().map_or(0, |bytes| bytes.len() / width(self, tensor));
            match indices.iter().position(|&index| usize::from(index) >= values) {
                Some(place) => {
                    Err(format!("its entry {place} has index {}, its codebook {values} values", indices[place]).into())
                }
                None => Ok(Cow::Owned(indices)),
            }
        };
        let paths = rewritten.skeleton.write(path, &mut payloads, options)?;
        Ok(Gathered { paths, gathered: rewritten.gathered, plain: rewritten.plain })
    }

    fn codebook(&self, tensor: usize, source: &mut dyn Codebooks) -> Result<Option<Vec<u8>>, Error> {
        let info = &self.tensors[tensor];
        if !info.element.is_compressible() {
            return Ok(None);
        }
        let codebook = source.codebook(tensor);
        let codebook = codebook.map_err(|source| Error::Payload { tensor: info.name().into(), source })?;
        if let Some(bytes) = &codebook {
            let width = width(self, tensor);
            if bytes.is_empty() || bytes.len() % width != 0 || bytes.len() / width > MOST_VALUES {
                let (tensor, element, found) = (info.name().into(), info.element, bytes.len() as u64);
                return Err(Error::CodebookLength { tensor, element, found });
            }
        }
        Ok(codebook)
    }
}

/// Bytes of an entry of a tensor of weights.
fn width(skeleton: &Skeleton, tensor: usize) -> usize {
    skeleton.tensors[tensor].element.bits() as usize / 8
}

/// Refuses versions that lack what is needed everywhere.
fn check_versions(survey: &Survey) -> Result<(), Error> {
    for (what, found, needed, rule) in [
        ("its IR version", survey.ir_version, IR_VERSION, "before, each initializer was an input"),
        ("its version of default operators", survey.opset, CAST, "Cast and Gather are among them"),
    ] {
        if found.is_none_or(|found| found < needed) {
            return Err(Error::GatherVersion { what, found, needed, rule });
        }
    }
    Ok(())
}
