//! The messages that are new: two tensors and two nodes.

use super::message::Builder;
use crate::Element;

/// Fields of `NodeProto`.
pub(super) const INPUT: u64 = 1;
pub(super) const OUTPUT: u64 = 2;
pub(super) const NAME: u64 = 3;
pub(super) const OPERATOR: u64 = 4;
pub(super) const ATTRIBUTE: u64 = 5;
/// `TensorProto.DataType` of bytes, and of whole numbers of 32 bits.
const UINT8: u64 = 2;
const INT32: u64 = 6;
/// `AttributeProto.AttributeType` of a whole number, and of a tensor.
const INT: u64 = 2;
const TENSOR: u64 = 4;

/// Names of what stands for a tensor: no others are like them.
#[derive(Debug)]
pub(super) struct Names {
    pub codebook: Vec<u8>,
    pub indices: Vec<u8>,
    /// The indices as whole numbers of 32 bits.
    pub places: Vec<u8>,
    /// The node that makes those.
    pub cast: Vec<u8>,
    /// The node that looks them up.
    pub gather: Vec<u8>,
}

/// A tensor of one axis: the values of a codebook.
pub(super) fn codebook(name: &[u8], element: Element, values: &[u8]) -> Builder {
    let mut tensor = Builder::default();
    tensor.number(1, values.len() as u64 * 8 / u64::from(element.bits()));
    tensor.number(2, element.onnx() as u64);
    tensor.text(8, name);
    tensor.text(9, values);
    tensor
}

/// A tensor of bytes with these dimensions, its payload that of the tensor of a number.
pub(super) fn indices(name: &[u8], dims: Builder, payload: usize, movable: bool) -> Builder {
    let mut tensor = dims;
    tensor.number(2, UINT8);
    tensor.text(8, name);
    tensor.hole(9, payload, movable);
    tensor
}

/// `Constant`, of a tensor.
pub(super) fn constant(output: &[u8], tensor: Builder) -> Builder {
    let mut attribute = Builder::default();
    attribute.text(1, b"value");
    attribute.field(5, tensor);
    attribute.number(20, TENSOR);
    let mut node = Builder::default();
    node.text(OUTPUT, output);
    node.text(NAME, output);
    node.text(OPERATOR, b"Constant");
    node.field(ATTRIBUTE, attribute);
    node
}

/// `Cast`, of indices.
pub(super) fn cast(names: &Names) -> Builder {
    let mut node = Builder::default();
    node.text(INPUT, &names.indices);
    node.text(OUTPUT, &names.places);
    node.text(NAME, &names.cast);
    node.text(OPERATOR, b"Cast");
    node.field(ATTRIBUTE, whole_number(b"to", INT32));
    node
}

/// `Gather`, from a codebook; `own` has its output and whatever else it is to have but a name.
pub(super) fn gather(names: &Names, own: Builder) -> Builder {
    let mut node = Builder::default();
    node.text(INPUT, &names.codebook);
    node.text(INPUT, &names.places);
    node.append(own);
    node.text(NAME, &names.gather);
    node.text(OPERATOR, b"Gather");
    node.field(ATTRIBUTE, whole_number(b"axis", 0));
    node
}

fn whole_number(name: &[u8], value: u64) -> Builder {
    let mut attribute = Builder::default();
    attribute.text(1, name);
    attribute.number(3, value);
    attribute.number(20, INT);
    attribute
}
