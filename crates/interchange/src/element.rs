//! What the entries of a tensor are, in the words of both formats.

use std::fmt;

/// The type of a tensor's entries, as its source says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// Double precision.
    F64,
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// 8 bits, 4 of them exponent, no infinities (`FLOAT8E4M3FN` of ONNX).
    F8E4M3,
    /// As [`F8E4M3`](Self::F8E4M3), without a negative zero.
    F8E4M3Fnuz,
    /// 8 bits, 5 of them exponent.
    F8E5M2,
    /// As [`F8E5M2`](Self::F8E5M2), without infinities and negative zero.
    F8E5M2Fnuz,
    /// 8 bits of exponent: a power of two.
    F8E8M0,
    /// 6 bits, 2 of them exponent.
    F6E2M3,
    /// 6 bits, 3 of them exponent.
    F6E3M2,
    /// 4 bits, 2 of them exponent.
    F4E2M1,
    /// A whole number of 64 bits.
    I64,
    /// A whole number of 32 bits.
    I32,
    /// A whole number of 16 bits.
    I16,
    /// A whole number of 8 bits.
    I8,
    /// A whole number of 4 bits, two a byte.
    I4,
    /// A whole number of 2 bits, four a byte.
    I2,
    /// A natural number of 64 bits.
    U64,
    /// A natural number of 32 bits.
    U32,
    /// A natural number of 16 bits.
    U16,
    /// A natural number of 8 bits.
    U8,
    /// A natural number of 4 bits, two a byte.
    U4,
    /// A natural number of 2 bits, four a byte.
    U2,
    /// False or true, a byte each.
    Bool,
    /// A complex number of two single precision parts.
    C64,
    /// A complex number of two double precision parts.
    C128,
}

/// What is known of a type: bits, our name, the name in safetensors, the number in ONNX.
type Row = (Element, u32, &'static str, Option<&'static str>, i64);

/// A row for each type. Its place is its number in a stored skeleton, so rows are added at the end only.
const ROWS: [Row; 27] = [
    (Element::F64, 64, "f64", Some("F64"), 11),
    (Element::F32, 32, "f32", Some("F32"), 1),
    (Element::F16, 16, "f16", Some("F16"), 10),
    (Element::Bf16, 16, "bf16", Some("BF16"), 16),
    (Element::F8E4M3, 8, "f8_e4m3", Some("F8_E4M3"), 17),
    (Element::F8E4M3Fnuz, 8, "f8_e4m3fnuz", Some("F8_E4M3FNUZ"), 18),
    (Element::F8E5M2, 8, "f8_e5m2", Some("F8_E5M2"), 19),
    (Element::F8E5M2Fnuz, 8, "f8_e5m2fnuz", Some("F8_E5M2FNUZ"), 20),
    (Element::F8E8M0, 8, "f8_e8m0", Some("F8_E8M0"), 24),
    (Element::F6E2M3, 6, "f6_e2m3", Some("F6_E2M3"), 27),
    (Element::F6E3M2, 6, "f6_e3m2", Some("F6_E3M2"), 28),
    (Element::F4E2M1, 4, "f4_e2m1", Some("F4"), 23),
    (Element::I64, 64, "i64", Some("I64"), 7),
    (Element::I32, 32, "i32", Some("I32"), 6),
    (Element::I16, 16, "i16", Some("I16"), 5),
    (Element::I8, 8, "i8", Some("I8"), 3),
    (Element::I4, 4, "i4", None, 22),
    (Element::I2, 2, "i2", None, 26),
    (Element::U64, 64, "u64", Some("U64"), 13),
    (Element::U32, 32, "u32", Some("U32"), 12),
    (Element::U16, 16, "u16", Some("U16"), 4),
    (Element::U8, 8, "u8", Some("U8"), 2),
    (Element::U4, 4, "u4", None, 21),
    (Element::U2, 2, "u2", None, 25),
    (Element::Bool, 8, "bool", Some("BOOL"), 9),
    (Element::C64, 64, "c64", Some("C64"), 14),
    (Element::C128, 128, "c128", None, 15),
];

impl Element {
    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.0 == self).expect("every type has its row")
    }

    /// Bits of one entry.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.row().1
    }

    /// The name used here: `f32`, `bf16`, `i4`, ...
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Whether values of this type are a network's weights as they were trained, so that near values can stand for
    /// them: `f32`, `f16` and `bf16`.
    #[must_use]
    pub fn is_compressible(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Whether whole numbers of this type may be negative.
    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Self::I64 | Self::I32 | Self::I16 | Self::I8 | Self::I4 | Self::I2)
    }

    /// The type that safetensors calls `name`.
    pub(crate) fn of_safetensors(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.3 == Some(name)).map(|row| row.0)
    }

    /// Its name in safetensors, where it has one.
    pub(crate) fn in_safetensors(self) -> Option<&'static str> {
        self.row().3
    }

    /// The type with this number in ONNX.
    pub(crate) fn of_onnx(number: i64) -> Option<Self> {
        ROWS.iter().find(|row| row.4 == number).map(|row| row.0)
    }

    /// Its number in ONNX.
    pub(crate) fn onnx(self) -> i64 {
        self.row().4
    }

    /// The type with this number in a stored skeleton.
    pub(crate) fn of_number(number: u64) -> Option<Self> {
        ROWS.get(usize::try_from(number).ok()?).map(|row| row.0)
    }

    /// Its number in a stored skeleton.
    pub(crate) fn number(self) -> u64 {
        ROWS.iter().position(|row| row.0 == self).expect("every type has its row") as u64
    }

    /// Bits of a tensor of this shape, `None` where they are more than 64 bits can count.
    pub(crate) fn bits_of(self, shape: &[u64]) -> Option<u64> {
        let count = shape.iter().try_fold(1u64, |count, &length| count.checked_mul(length))?;
        count.checked_mul(u64::from(self.bits()))
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_way_to_name_a_type_leads_back() {
        let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
        for (number, row) in ROWS.iter().enumerate() {
            assert_eq!((row.0.number(), Element::of_number(number as u64)), (number as u64, Some(row.0)));
            assert!(names.insert(row.0.name()));
            if let Some(name) = row.0.in_safetensors() {
                assert_eq!(Element::of_safetensors(name), Some(row.0));
            }
            assert!(numbers.insert(row.4));
            assert_eq!(Element::of_onnx(row.4), Some(row.0));
        }
        assert_eq!((Element::of_number(27), Element::of_onnx(8), Element::of_safetensors("f32")), (None, None, None));
    }

    #[test]
    fn sizes_do_not_overflow() {
        assert_eq!(Element::F32.bits_of(&[]), Some(32));
        assert_eq!(Element::I4.bits_of(&[3]), Some(12));
        assert_eq!(Element::F32.bits_of(&[1 << 40, 0]), Some(0));
        assert_eq!(Element::F32.bits_of(&[1 << 32, 1 << 32]), None);
        assert_eq!(Element::C128.bits_of(&[1 << 60]), None);
    }
}
