//! What the values of a tensor that is not quantised are.

use crate::Error;

/// What the bytes of a [`PlainTensor`](crate::PlainTensor) are, each value little-endian.
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
    /// Two f32: real part, imaginary part.
    Complex64 = 13,
    /// Two f64: real part, imaginary part.
    Complex128 = 14,
    /// 8 bits: 4 of exponent, 3 of mantissa; no infinities, two signed NaNs (OCP E4M3).
    F8E4M3Fn = 15,
    /// 8 bits: 5 of exponent, 2 of mantissa, as IEEE 754 would have it (OCP E5M2).
    F8E5M2 = 16,
    /// 8 bits of exponent: a power of two (OCP E8M0).
    F8E8M0 = 17,
    /// 8 bits: 4 of exponent, 3 of mantissa; no infinities, one NaN, no negative zero.
    F8E4M3Fnuz = 18,
    /// 8 bits: 5 of exponent, 2 of mantissa; no infinities, one NaN, no negative zero.
    F8E5M2Fnuz = 19,
    /// Bytes whose meaning is told elsewhere. Values of less than a byte (4-bit integers, 4- and 6-bit floats) stand here as
    /// they are packed: the shape is that of the bytes, and the outer model says what they are.
    Bytes = 20,
}

impl Dtype {
    const ALL: [Self; 21] = [
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
        Self::Complex64,
        Self::Complex128,
        Self::F8E4M3Fn,
        Self::F8E5M2,
        Self::F8E8M0,
        Self::F8E4M3Fnuz,
        Self::F8E5M2Fnuz,
        Self::Bytes,
    ];

    /// Bytes a value.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::I8
            | Self::U8
            | Self::Bool
            | Self::F8E4M3Fn
            | Self::F8E5M2
            | Self::F8E8M0
            | Self::F8E4M3Fnuz
            | Self::F8E5M2Fnuz
            | Self::Bytes => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
        }
    }

    /// Bytes of the numbers that a value is made of: a complex one has two.
    pub(crate) fn number_size(self) -> usize {
        match self {
            Self::Complex64 => 4,
            Self::Complex128 => 8,
            _ => self.size(),
        }
    }

    /// Whether a number's highest bit is its sign, and an exponent follows.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16 | Self::F64 | Self::Complex64 | Self::Complex128)
    }

    pub(crate) fn from_tag(tag: u8) -> Result<Self, Error> {
        Self::ALL.get(usize::from(tag)).copied().ok_or(Error::Malformed {
            what: "the type of a plain tensor",
            value: u64::from(tag),
            rule: "known types are 0 to 20; update mixpress",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_the_type_that_has_it() {
        for (tag, dtype) in Dtype::ALL.into_iter().enumerate() {
            assert_eq!((dtype as usize, Dtype::from_tag(tag as u8)), (tag, Ok(dtype)));
            assert!(dtype.size().is_multiple_of(dtype.number_size()));
        }
        assert!(Dtype::from_tag(Dtype::ALL.len() as u8).is_err());
    }
}
