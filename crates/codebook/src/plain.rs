//! A tensor that is not quantised: its bytes, with a tag that says what they are.

use half::f16;

use crate::{Error, codebook::is_f16_exact, tensor::elements};

/// What the bytes of a [`PlainTensor`] are, each value little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Dtype {
    /// IEEE 754 single precision.
    F32 = 0,
    /// IEEE 754 half precision.
    F16 = 1,
    /// The upper half of an f32.
    Bf16 = 2,
    /// IEEE 754 double precision.
    F64 = 3,
    /// Signed, 8 bits.
    I8 = 4,
    /// Signed, 16 bits.
    I16 = 5,
    /// Signed, 32 bits.
    I32 = 6,
    /// Signed, 64 bits.
    I64 = 7,
    /// Unsigned, 8 bits.
    U8 = 8,
    /// Unsigned, 16 bits.
    U16 = 9,
    /// Unsigned, 32 bits.
    U32 = 10,
    /// Unsigned, 64 bits.
    U64 = 11,
    /// One byte, 0 or 1.
    Bool = 12,
}

impl Dtype {
    const ALL: [Self; 13] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::F64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::Bool,
    ];

    /// Bytes a value.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    pub(crate) fn from_tag(tag: u8) -> Result<Self, Error> {
        Self::ALL.get(usize::from(tag)).copied().ok_or(Error::Malformed {
            what: "the type of a plain tensor",
            value: u64::from(tag),
            rule: "known types are 0 to 12",
        })
    }
}

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

/// The bytes of f32 values that stand as f16.
pub(crate) fn widen(data: &[u8]) -> Vec<u8> {
    data.as_chunks::<2>().0.iter().flat_map(|&b| f16::from_le_bytes(b).to_f32().to_le_bytes()).collect()
}

/// Number of values that are not zero; a zero may have a sign.
pub(crate) fn nonzeros(dtype: Dtype, data: &[u8]) -> usize {
    match dtype {
        Dtype::F32 => data.as_chunks::<4>().0.iter().filter(|&&b| u32::from_le_bytes(b) << 1 != 0).count(),
        Dtype::F64 => data.as_chunks::<8>().0.iter().filter(|&&b| u64::from_le_bytes(b) << 1 != 0).count(),
        Dtype::F16 | Dtype::Bf16 => {
            data.as_chunks::<2>().0.iter().filter(|&&b| u16::from_le_bytes(b) << 1 != 0).count()
        }
        _ => data.chunks_exact(dtype.size()).filter(|value| value.iter().any(|&b| b != 0)).count(),
    }
}
