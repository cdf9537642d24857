//! An ONNX model as one file without `bf16`, for runtimes that know neither that nor files beside a model.
//!
//! The walk is that of the reader, but looks for other things: tensors whose values lie elsewhere, and whatever says
//! `bf16`. A model in single precision computes what one in `bf16` would, and rounds less between its nodes.

use std::ops::Range;
use std::path::Path;

use super::external::{Claim, Externals};
use super::{Reader, is_model, tensor};
use crate::location::folder_of;
use crate::reading::Reading;
use crate::source::Source;
use crate::wire::{Field, Walker, Wire};
use crate::{Element, Error, Limits, varint};

/// Numbers of `TensorProto.DataType`.
const FLOAT: u64 = 1;
const BFLOAT16: u64 = 16;
/// The field of a tensor for its bytes.
const RAW_DATA: u64 = 9;
/// Attributes of the default operators that name a type.
const NAMES_OF_TYPES: [&[u8]; 5] = [b"to", b"dtype", b"output_dtype", b"stash_type", b"softmax_precision"];
/// How often all bytes of the files beside a model may be told in it. Tensors may share values, but a small model must not
/// become a huge one by naming the same bytes again and again.
const MOST_COPIES: u64 = 16;

/// The model at `path` as one file of its own in which nothing is `bf16`, for running only. `None` where it is that as it
/// is: then it can be run from its place.
///
/// Values that lie in files beside it are put inside. `bf16` becomes `f32` with the same values: tensors wherever they
/// stand, the types of inputs, outputs and values between, and those that operators such as `Cast` name. All else stays
/// byte for byte. The result can be longer than protobuf's own 2 GiB.
///
/// # Errors
/// [`Error::Unrecognised`] for what is no ONNX model, and whatever rule of the format a file breaks; [`Error::Read`];
/// [`Error::Limit`].
pub fn self_contained(path: impl AsRef<Path>) -> Result<Option<Vec<u8>>, Error> {
    let path = path.as_ref();
    let source = Source::open(path)?;
    if !is_model(&source)? {
        let found = source.read(0..source.length().min(16))?;
        return Err(Error::Unrecognised { path: path.into(), found });
    }
    let mut reading = Reading::new(Limits::default());
    let externals = Externals::new(folder_of(path), path);
    let reader = Reader {
        walker: Walker::new(&source),
        reading: &mut reading,
        externals,
        names: std::collections::HashMap::new(),
        depth: 0,
    };
    let mut raiser = Raiser { reader, taken: 0 };
    let whole = 0..source.length();
    let edits = raiser.message(whole.clone(), Kind::Model)?;
    if edits.is_empty() {
        return Ok(None);
    }
    let files = raiser.reader.externals;
    let limit = files.file_bytes().saturating_mul(MOST_COPIES);
    if raiser.taken > limit {
        let what = "bytes that are told to lie in other files";
        return Err(Error::Limit { what, claimed: raiser.taken, limit });
    }
    let mut bytes = Vec::new();
    let length = usize::try_from(edited_length(whole.clone(), &edits)).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(length).map_err(|error| {
        let source = std::io::Error::new(std::io::ErrorKind::OutOfMemory, error);
        Error::Read { path: path.into(), source }
    })?;
    write(&source, &files, whole, &edits, &mut bytes)?;
    Ok(Some(bytes))
}

/// A place of the model that is written otherwise.
#[derive(Debug)]
enum Edit {
    /// These bytes instead of a range.
    Replace(Range<u64>, Vec<u8>),
    /// The values of a tensor as its `raw_data`, instead of a range.
    Values(Range<u64>, Values),
    /// A field with edits in it, by where its tag, its length and its content begin and where that ends.
    Nested([u64; 4], Vec<Edit>),
}

/// Where the values of a tensor are.
#[derive(Debug)]
struct Values {
    /// Number of the file beside the model; the model itself where there is none.
    file: Option<usize>,
    ranges: Vec<Range<u64>>,
    form: Form,
    /// Bytes that they take as they are written.
    length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As they are.
    Plain,
    /// `bf16`, to be raised.
    Bf16,
    /// `bf16` as packed varints, to be raised.
    Varints,
}

/// What a message is, by the messages of `onnx.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    NamesType,
    Sparse,
    Tensor,
    ValueInfo,
    Type,
    /// `TypeProto.Tensor` and `TypeProto.SparseTensor`.
    TensorType,
    /// `TypeProto.Sequence` and `TypeProto.Optional`.
    Nest,
    Map,
}

/// What a field of a message is.
fn inner(kind: Kind, number: u64) -> Option<Kind> {
    use Kind::{
        Attribute, Function, Graph, Map, Model, NamesType, Nest, Node, Sparse, Tensor, TensorType, Type, ValueInfo,
    };
    Some(match (kind, number) {
        (Model, 7) | (Attribute | NamesType, 6 | 11) => Graph,
        (Model, 25) => Function,
        (Graph, 1) | (Function, 7) => Node,
        (Graph, 5) | (Sparse, 1 | 2) | (Attribute | NamesType, 5 | 10) => Tensor,
        (Graph, 15) | (Attribute | NamesType, 22 | 23) => Sparse,
        (Graph, 11..=13) | (Function, 12) => ValueInfo,
        (Node, 5) | (Function, 11) => Attribute,
        (Attribute | NamesType, 14 | 15) | (ValueInfo | Map, 2) | (Nest, 1) => Type,
        (Type, 1 | 8) => TensorType,
        (Type, 4 | 9) => Nest,
        (Type, 5) => Map,
        _ => return None,
    })
}

struct Raiser<'a> {
    reader: Reader<'a>,
    /// Bytes that come from other files.
    taken: u64,
}

impl Raiser<'_> {
    fn message(&mut self, range: Range<u64>, kind: Kind) -> Result<Vec<Edit>, Error> {
        if kind == Kind::Tensor {
            return self.tensor(range);
        }
        // Only these lead to themselves again.
        let deeper = matches!(kind, Kind::Graph | Kind::Type);
        if deeper {
            let limit = self.reader.reading.limits.max_depth;
            if self.reader.depth == limit {
                let path = self.reader.walker.source().path().into();
                return Err(Error::Depth { path, offset: range.start, limit });
            }
            self.reader.depth += 1;
        }
        let names_types = kind == Kind::Node && self.is_default_operator(range.clone())?;
        let (mut at, mut edits) = (range.start, Vec::new());
        while let Some(field) = self.reader.walker.field(&mut at, range.end)? {
            let holds_type = matches!((kind, field.number), (Kind::TensorType, 1) | (Kind::NamesType, 3));
            if holds_type && field.wire == Wire::Varint(BFLOAT16) {
                edits.push(Edit::Replace(field.value.clone(), vec![FLOAT as u8]));
            }
            let Some(mut inner) = inner(kind, field.number).filter(|_| field.wire == Wire::Delimited) else { continue };
            if inner == Kind::Attribute && names_types && self.is_name_of_type(field.value.clone())? {
                inner = Kind::NamesType;
            }
            let inner = self.message(field.value.clone(), inner)?;
            if !inner.is_empty() {
                edits.push(Edit::Nested(field.places(), inner));
            }
        }
        if deeper {
            self.reader.depth -= 1;
        }
        Ok(edits)
    }

    /// Whether a node's operator is one of ONNX itself.
    fn is_default_operator(&mut self, range: Range<u64>) -> Result<bool, Error> {
        let domain = self.reader.text(range, 7)?.unwrap_or_default();
        Ok(domain.is_empty() || domain == "ai.onnx")
    }

    /// Whether an attribute names a type.
    fn is_name_of_type(&mut self, range: Range<u64>) -> Result<bool, Error> {
        let name = self.reader.text(range, 1)?.unwrap_or_default();
        Ok(NAMES_OF_TYPES.contains(&name.as_bytes()))
    }

    fn tensor(&mut self, range: Range<u64>) -> Result<Vec<Edit>, Error> {
        let message = self.reader.tensor_message(range.clone())?;
        let is_bf16 = message.data_type == BFLOAT16 as i64;
        let element = Element::of_onnx(message.data_type);
        // What is in parts stays so: no runtime reads it.
        let (Some(element), false, true) = (element, message.segment, is_bf16 || message.external) else {
            return Ok(Vec::new());
        };
        let name = message.name.clone().unwrap_or_default();
        let shape = tensor::shape(&name, &message.dims)?;
        let Some(bits) = element.bits_of(&shape) else {
            return Err(Error::ShapeOverflow { tensor: name, shape, element });
        };
        let claim = Claim { name, shape, element, bytes: bits.div_ceil(8) };
        let mut values = self.values(&claim, &message, range.clone())?;

        let (mut at, mut edits) = (range.start, Vec::new());
        while let Some(field) = self.reader.walker.field(&mut at, range.end)? {
            let whole = field.start..field.value.end;
            match field.number {
                2 if is_bf16 && field.wire == Wire::Varint(BFLOAT16) => {
                    edits.push(Edit::Replace(field.value, vec![FLOAT as u8]));
                }
                // The values stand where the first field with some of them stood.
                13 | 14 if message.external => edits.push(instead(whole, &mut values)),
                5 | RAW_DATA if is_bf16 || message.external => edits.push(instead(whole, &mut values)),
                _ => {}
            }
        }
        Ok(edits)
    }

    /// Where the values of a tensor are; `None` where it has none.
    fn values(&mut self, claim: &Claim, message: &tensor::Message, range: Range<u64>) -> Result<Option<Values>, Error> {
        let is_bf16 = claim.element == Element::Bf16;
        let (form, longer) = if is_bf16 { (Form::Bf16, 2) } else { (Form::Plain, 1) };
        let length = claim.bytes.saturating_mul(longer);
        if message.external {
            let entries = self.reader.entries(&claim.name, &message.entries)?;
            let (file, range) = self.reader.locate(claim, &entries)?;
            self.taken = self.taken.saturating_add(claim.bytes);
            return Ok(Some(Values { file: Some(file), ranges: vec![range], form, length }));
        }
        let raw = !message.raw.is_empty();
        let number = if raw { RAW_DATA } else { 5 };
        let (mut at, mut ranges, mut found) = (range.start, Vec::new(), 0);
        while let Some(field) = self.reader.walker.field(&mut at, range.end)? {
            if field.number != number {
                continue;
            }
            if raw {
                // Of several ones protobuf takes the last.
                ranges.clear();
                found = field.value.end - field.value.start;
            } else {
                found += 2 * self.count(&field)?;
            }
            ranges.push(field.value);
        }
        if found != claim.bytes {
            let (tensor, shape, element) = (claim.name.clone(), claim.shape.clone(), claim.element);
            return Err(Error::TensorLength { tensor, shape, element, expected: claim.bytes, found });
        }
        let form = if raw { form } else { Form::Varints };
        Ok((!ranges.is_empty()).then_some(Values { file: None, ranges, form, length }))
    }

    /// Number of varints in a field, one or many.
    fn count(&mut self, field: &Field) -> Result<u64, Error> {
        let (mut at, mut count) = (field.value.start, 0);
        while at < field.value.end {
            (_, at) = self.reader.walker.varint(at, field.value.end)?;
            count += 1;
        }
        Ok(count)
    }
}

/// Values instead of a field, where they are not written yet, and nothing otherwise.
fn instead(field: Range<u64>, values: &mut Option<Values>) -> Edit {
    match values.take() {
        Some(values) => Edit::Values(field, values),
        None => Edit::Replace(field, Vec::new()),
    }
}

impl Edit {
    fn range(&self) -> Range<u64> {
        match self {
            Self::Replace(range, _) | Self::Values(range, _) => range.clone(),
            Self::Nested([start, .., end], _) => *start..*end,
        }
    }

    /// Bytes that are written instead of the range.
    fn length(&self) -> u64 {
        match self {
            Self::Replace(_, bytes) => bytes.len() as u64,
            Self::Values(_, values) => 1 + varint::length(values.length) + values.length,
            Self::Nested([start, length, content, end], edits) => {
                let inner = edited_length(*content..*end, edits);
                (length - start) + varint::length(inner) + inner
            }
        }
    }
}

/// Bytes of a range with edits in it.
fn edited_length(range: Range<u64>, edits: &[Edit]) -> u64 {
    edits.iter().fold(range.end - range.start, |length, edit| {
        let range = edit.range();
        length.saturating_sub(range.end - range.start).saturating_add(edit.length())
    })
}

/// Appends a range of the model, edited.
fn write(source: &Source, files: &Externals, range: Range<u64>, edits: &[Edit], to: &mut Vec<u8>) -> Result<(), Error> {
    let mut at = range.start;
    for edit in edits {
        let place = edit.range();
        to.append(&mut source.read(at..place.start)?);
        at = place.end;
        match edit {
            Edit::Replace(_, bytes) => to.extend_from_slice(bytes),
            Edit::Values(_, values) => {
                to.push((RAW_DATA << 3) as u8 | 2);
                varint::put(values.length, to);
                let source = values.file.map_or(source, |file| files.source(file));
                for range in &values.ranges {
                    raise(&source.read(range.clone())?, values.form, to);
                }
            }
            Edit::Nested([start, length, content, end], edits) => {
                to.append(&mut source.read(*start..*length)?);
                varint::put(edited_length(*content..*end, edits), to);
                write(source, files, *content..*end, edits, to)?;
            }
        }
    }
    to.append(&mut source.read(at..range.end)?);
    Ok(())
}

/// Appends values, `bf16` as `f32`: that has the same upper half, and zeros below.
fn raise(mut bytes: &[u8], form: Form, to: &mut Vec<u8>) {
    match form {
        Form::Plain => to.extend_from_slice(bytes),
        Form::Bf16 => to.extend(bytes.chunks_exact(2).flat_map(|pair| [0, 0, pair[0], pair[1]])),
        Form::Varints => {
            while let Some((value, taken)) = varint::take(bytes) {
                let [low, high, ..] = value.to_le_bytes();
                to.extend([0, 0, low, high]);
                bytes = &bytes[taken..];
            }
        }
    }
}
