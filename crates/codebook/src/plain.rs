//! A tensor that is not quantised: its bytes, with a type that says what they are.

use half::f16;

use crate::{Dtype, Error, codebook::is_f16_exact, tensor::elements};

/// A named tensor whose values stand in the file as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainTensor {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    data: Vec<u8>,
}

impl PlainTensor {
    /// A tensor from the little-endian bytes of its values, row by row.
    ///
    /// # Errors
    /// If the number of bytes is not the shape's product times the type's size.
    pub fn from_bytes(
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        dtype: Dtype,
        data: Vec<u8>,
    ) -> Result<Self, Error> {
        let (name, shape) = (name.into(), shape.into());
        let expected = elements(&shape).and_then(|n| n.checked_mul(dtype.size()));
        if expected != Some(data.len()) {
            let expected = elements(&shape).unwrap_or(usize::MAX);
            return Err(Error::Shape { name, shape, expected, got: data.len() / dtype.size() });
        }
        Ok(Self { name, shape, dtype, data })
    }

    /// An f32 tensor.
    ///
    /// # Errors
    /// If the number of values is not the shape's product.
    pub fn from_f32(name: impl Into<String>, shape: impl Into<Vec<usize>>, values: &[f32]) -> Result<Self, Error> {
        let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::from_bytes(name, shape, Dtype::F32, data)
    }

    /// An f16 tensor, each value rounded to the nearest f16.
    ///
    /// # Errors
    /// If the number of values is not the shape's product.
    pub fn rounded_to_f16(
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        values: &[f32],
    ) -> Result<Self, Error> {
        let data = values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect();
        Self::from_bytes(name, shape, Dtype::F16, data)
    }

    /// A tensor that keeps its values to the last bit: f16 where that holds every one of them, else f32.
    ///
    /// # Errors
    /// If the number of values is not the shape's product.
    pub fn narrowest(name: impl Into<String>, shape: impl Into<Vec<usize>>, values: &[f32]) -> Result<Self, Error> {
        if values.iter().all(|&v| is_f16_exact(v)) {
            Self::rounded_to_f16(name, shape, values)
        } else {
            Self::from_f32(name, shape, values)
        }
    }

    /// Name, as `bn1.running_mean`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// What the bytes are.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The values' little-endian bytes, row by row.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Number of values that are not zero.
    #[must_use]
    pub fn nonzeros(&self) -> usize {
        nonzeros(self.dtype, &self.data)
    }

    /// The values of an f32, f16 or bf16 tensor; nothing for other types.
    #[must_use]
    pub fn values(&self) -> Option<Vec<f32>> {
        let mut out = vec![0.0; self.data.len() / self.dtype.size()];
        values_into(self.dtype, &self.data, &mut out).then_some(out)
    }
}

/// Writes the values of an f32, f16 or bf16 tensor; gives whether it is one.
pub(crate) fn values_into(dtype: Dtype, data: &[u8], out: &mut [f32]) -> bool {
    let pairs = || data.as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b));
    match dtype {
        Dtype::F32 => out.iter_mut().zip(data.as_chunks::<4>().0).for_each(|(out, &b)| *out = f32::from_le_bytes(b)),
        Dtype::F16 => out.iter_mut().zip(pairs()).for_each(|(out, b)| *out = f16::from_bits(b).to_f32()),
        Dtype::Bf16 => out.iter_mut().zip(pairs()).for_each(|(out, b)| *out = f32::from_bits(u32::from(b) << 16)),
        _ => return false,
    }
    true
}

/// The bytes of f32 values as f16, if that holds each of them to the last bit: a NaN's payload, a zero's sign.
pub(crate) fn narrowed(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for &bytes in data.as_chunks::<4>().0 {
        let value = f32::from_le_bytes(bytes);
        let half = f16::from_f32(value);
        if half.to_f32().to_bits() != value.to_bits() {
            return None;
        }
        out.extend(half.to_le_bytes());
    }
    Some(out)
}

/// Writes the bytes of f32 values that stand as f16.
pub(crate) fn widen(data: &[u8], out: &mut [u8]) {
    for (out, &half) in out.as_chunks_mut::<4>().0.iter_mut().zip(data.as_chunks::<2>().0) {
        *out = f16::from_le_bytes(half).to_f32().to_le_bytes();
    }
}

/// Number of values that are not zero; a zero may have a sign.
pub(crate) fn nonzeros(dtype: Dtype, data: &[u8]) -> usize {
    let pairs = |mask: u16| data.as_chunks::<2>().0.iter().filter(|&&b| u16::from_le_bytes(b) & mask != 0).count();
    let bytes = |mask: u8| data.iter().filter(|&&b| b & mask != 0).count();
    match dtype {
        Dtype::F32 => data.as_chunks::<4>().0.iter().filter(|&&b| u32::from_le_bytes(b) << 1 != 0).count(),
        Dtype::F64 => data.as_chunks::<8>().0.iter().filter(|&&b| u64::from_le_bytes(b) << 1 != 0).count(),
        Dtype::F16 | Dtype::Bf16 => pairs(0x7FFF),
        Dtype::Complex64 => data.as_chunks::<8>().0.iter().filter(|&value| nonzeros(Dtype::F32, value) > 0).count(),
        Dtype::Complex128 => data.as_chunks::<16>().0.iter().filter(|&value| nonzeros(Dtype::F64, value) > 0).count(),
        Dtype::F8E4M3Fn | Dtype::F8E5M2 => bytes(0x7F),
        // These have a single zero, or, as powers of two, none.
        Dtype::F8E4M3Fnuz | Dtype::F8E5M2Fnuz => bytes(0xFF),
        Dtype::F8E8M0 => data.len(),
        _ => data.chunks_exact(dtype.size()).filter(|value| value.iter().any(|&b| b != 0)).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_every_type_are_counted_whatever_their_sign() {
        let count = |dtype, bytes: &[u8]| nonzeros(dtype, bytes);
        assert_eq!(count(Dtype::Bf16, &[0, 0x80, 0, 0, 1, 0]), 1);
        assert_eq!(count(Dtype::Complex64, &[[0, 0, 0, 0x80, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0]].concat()), 1);
        assert_eq!(count(Dtype::Complex128, &[[0; 15].as_slice(), &[0x80], &[0; 14], &[0, 1]].concat()), 1);
        assert_eq!(count(Dtype::F8E4M3Fn, &[0, 0x80, 0x81]), 1);
        assert_eq!(count(Dtype::F8E5M2Fnuz, &[0, 0x80, 0x81]), 2);
        assert_eq!(count(Dtype::F8E8M0, &[0, 127]), 2);
        assert_eq!(count(Dtype::Bytes, &[0, 0x10, 0x01]), 2);
    }
}
