//! The bytes of a model's tensors as numbers, and back.

use half::{bf16, f16};
use mixpress_codebook::{Dtype, PlainTensor, TensorOutline};
use mixpress_interchange::{Element, SourceTensor};
use mixpress_quantize::Stored;

use crate::Error;

/// The weights that little-endian bytes stand for; nothing for a type that is no weight's.
pub(super) fn weights(element: Element, bytes: &[u8]) -> Option<Vec<f32>> {
    let halves = || bytes.as_chunks::<2>().0.iter();
    match element {
        Element::F32 => Some(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Element::F16 => Some(halves().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()),
        Element::Bf16 => Some(halves().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect()),
        _ => None,
    }
}

/// The little-endian bytes of weights, rounded to the type, which those of codebooks are exact in; nothing for a type that
/// is no weight's.
pub(super) fn bytes(element: Element, weights: &[f32]) -> Option<Vec<u8>> {
    match element {
        Element::F32 => Some(weights.iter().flat_map(|weight| weight.to_le_bytes()).collect()),
        Element::F16 => Some(weights.iter().flat_map(|&weight| f16::from_f32(weight).to_le_bytes()).collect()),
        Element::Bf16 => Some(weights.iter().flat_map(|&weight| bf16::from_f32(weight).to_le_bytes()).collect()),
        _ => None,
    }
}

/// The type that codebook values of a weight's type have to be exact in.
pub(super) fn stored(element: Element) -> Stored {
    match element {
        Element::F16 => Stored::F16,
        Element::Bf16 => Stored::BF16,
        _ => Stored::F32,
    }
}

/// Lengths of a tensor's axes.
pub(super) fn shape(tensor: &SourceTensor) -> Result<Vec<usize>, Error> {
    let axis = |&length: &u64| usize::try_from(length);
    let axes = tensor.shape().iter().map(axis).collect::<Result<_, _>>();
    axes.map_err(|_| Error::Tensors(format!("{} is too large for this machine", tensor.name())))
}

/// What a tensor that is kept as it is is told to be. A type that the file has no word for is told as the bytes that it
/// takes; what they are, the model's skeleton knows.
fn told(tensor: &SourceTensor) -> Result<(Dtype, Vec<usize>), Error> {
    let dtype = match tensor.element() {
        Element::F64 => Dtype::F64,
        Element::F32 => Dtype::F32,
        Element::F16 => Dtype::F16,
        Element::Bf16 => Dtype::Bf16,
        Element::F8E4M3 => Dtype::F8E4M3Fn,
        Element::F8E4M3Fnuz => Dtype::F8E4M3Fnuz,
        Element::F8E5M2 => Dtype::F8E5M2,
        Element::F8E5M2Fnuz => Dtype::F8E5M2Fnuz,
        Element::F8E8M0 => Dtype::F8E8M0,
        Element::I64 => Dtype::I64,
        Element::I32 => Dtype::I32,
        Element::I16 => Dtype::I16,
        Element::I8 => Dtype::I8,
        Element::U64 => Dtype::U64,
        Element::U32 => Dtype::U32,
        Element::U16 => Dtype::U16,
        Element::U8 => Dtype::U8,
        Element::Bool => Dtype::Bool,
        Element::C64 => Dtype::Complex64,
        Element::C128 => Dtype::Complex128,
        _ => {
            let bytes = usize::try_from(tensor.bytes());
            let bytes =
                bytes.map_err(|_| Error::Tensors(format!("{} is too large for this machine", tensor.name())))?;
            return Ok((Dtype::Bytes, vec![bytes]));
        }
    };
    Ok((dtype, shape(tensor)?))
}

/// A tensor that is kept as it is, without its values.
pub(super) fn plain_outline(tensor: &SourceTensor) -> Result<TensorOutline, Error> {
    let (dtype, shape) = told(tensor)?;
    Ok(TensorOutline::plain(tensor.name(), shape, dtype))
}

/// A tensor that is kept as it is.
pub(super) fn plain(tensor: &SourceTensor, bytes: Vec<u8>) -> Result<PlainTensor, Error> {
    let (dtype, shape) = told(tensor)?;
    Ok(PlainTensor::from_bytes(tensor.name(), shape, dtype, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_weights_come_back() {
        let values = [0.0, -1.5, 0.25, 65504.0];
        for element in [Element::F32, Element::F16] {
            let bytes = bytes(element, &values).unwrap();
            assert_eq!(bytes.len(), 4 * element.bits() as usize / 8);
            assert_eq!(weights(element, &bytes).unwrap(), values);
        }
        let exact = [1.0, -0.007_812_5, 3e38_f32.to_bits() as f32];
        let rounded: Vec<f32> = exact.iter().map(|&v| bf16::from_f32(v).to_f32()).collect();
        assert_eq!(weights(Element::Bf16, &bytes(Element::Bf16, &rounded).unwrap()).unwrap(), rounded);
        assert_eq!(weights(Element::I32, &[0; 8]), None);
    }
}
