//! One `.npy` file: its entries, whatever their type, order and byte order, as [`Values`].

use half::f16;

use super::header::{self, Header};
use crate::arrays::{entries, position};
use crate::{Array, Error, Values};

/// The array called `name`.
pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Array, Error> {
    let (header, data) = header::read(name, bytes)?;
    let Header { dtype, is_fortran, shape } = &header;
    let unknown = || Error::Dtype { name: name.into(), dtype: format!("{dtype:?}") };
    let (kind, size, is_big) = split(dtype).filter(|&(kind, size, _)| is_read(kind, size)).ok_or_else(unknown)?;
    let expected = entries(shape).and_then(|count| count.checked_mul(size));
    if expected != Some(data.len()) {
        let (dtype, shape) = ((*dtype).to_owned(), shape.clone());
        return Err(Error::ArrayLength { name: name.into(), shape, dtype, found: data.len() });
    }
    let decoder = Decoder { name, header: &header, data, is_big };
    let values = match (kind, size) {
        ('f', 2) => decoder.floats(|bytes| f64::from(f16::from_le_bytes(bytes)))?,
        ('f', 4) => Values::F32(decoder.decode(f32::from_le_bytes).collect()),
        ('f', 8) => decoder.floats(f64::from_le_bytes)?,
        ('i', 1) => decoder.whole(|bytes| i128::from(i8::from_le_bytes(bytes)))?,
        ('i', 2) => decoder.whole(|bytes| i128::from(i16::from_le_bytes(bytes)))?,
        ('i', 4) => Values::I32(decoder.decode(i32::from_le_bytes).collect()),
        ('i', 8) => decoder.whole(|bytes| i128::from(i64::from_le_bytes(bytes)))?,
        ('u', 1) => Values::U8(data.to_vec()),
        ('u', 2) => decoder.whole(|bytes| i128::from(u16::from_le_bytes(bytes)))?,
        ('u', 4) => decoder.whole(|bytes| i128::from(u32::from_le_bytes(bytes)))?,
        ('u', 8) => decoder.whole(|bytes| i128::from(u64::from_le_bytes(bytes)))?,
        // What is left of those that are read: truth values.
        _ => decoder.whole(|[byte]| i128::from(byte != 0))?,
    };
    let values = match values {
        values if !is_fortran => values,
        Values::F32(values) => Values::F32(to_rows(shape, &values)),
        Values::I32(values) => Values::I32(to_rows(shape, &values)),
        Values::U8(values) => Values::U8(to_rows(shape, &values)),
    };
    Array::new(shape.clone(), values)
}

/// The parts of a type's name, as in `<f4`: kind, bytes of an entry, and whether the largest byte comes first.
fn split(dtype: &str) -> Option<(char, usize, bool)> {
    let mut characters = dtype.chars();
    let is_big = match characters.next()? {
        '>' => true,
        '<' | '|' | '=' => false,
        _ => return None,
    };
    let kind = characters.next()?;
    let size = characters.as_str().parse().ok().filter(|&size| size > 0)?;
    Some((kind, size, is_big))
}

/// Whether entries of this kind and size are read.
fn is_read(kind: char, size: usize) -> bool {
    match kind {
        'f' => matches!(size, 2 | 4 | 8),
        'i' | 'u' => matches!(size, 1 | 2 | 4 | 8),
        'b' => size == 1,
        _ => false,
    }
}

struct Decoder<'a> {
    name: &'a str,
    header: &'a Header<'a>,
    data: &'a [u8],
    is_big: bool,
}

impl Decoder<'_> {
    /// All entries, in the order of the file.
    fn decode<T, const N: usize>(&self, decode: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
        let (all, _) = self.data.as_chunks::<N>();
        all.iter().map(move |&(mut bytes)| {
            if self.is_big {
                bytes.reverse();
            }
            decode(bytes)
        })
    }

    /// Floats as single precision. One that is finite stays so.
    fn floats<const N: usize>(&self, decode: impl Fn([u8; N]) -> f64) -> Result<Values, Error> {
        let mut values = Vec::with_capacity(self.data.len() / N);
        for (place, value) in self.decode(decode).enumerate() {
            let single = value as f32;
            if value.is_finite() && !single.is_finite() {
                return Err(self.out_of_range(place, format!("{value:e}"), "f32"));
            }
            values.push(single);
        }
        Ok(Values::F32(values))
    }

    /// Whole numbers as those of 32 bits.
    fn whole<const N: usize>(&self, decode: impl Fn([u8; N]) -> i128) -> Result<Values, Error> {
        let mut values = Vec::with_capacity(self.data.len() / N);
        for (place, value) in self.decode(decode).enumerate() {
            let whole = i32::try_from(value);
            values.push(whole.map_err(|_| self.out_of_range(place, value.to_string(), "i32"))?);
        }
        Ok(Values::I32(values))
    }

    fn out_of_range(&self, place: usize, value: String, range: &'static str) -> Error {
        let shape = &self.header.shape;
        let position = if self.header.is_fortran {
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            position(&reversed, place).into_iter().rev().collect()
        } else {
            position(shape, place)
        };
        Error::Range { name: self.name.into(), position, value, range }
    }
}

/// Entries in row-major order of an array whose first axis lies side by side.
fn to_rows<T: Copy>(shape: &[usize], values: &[T]) -> Vec<T> {
    if values.is_empty() {
        // Lengths beside one of zero can be of any size.
        return Vec::new();
    }
    // How far apart neighbours along each axis lie in the file.
    let strides: Vec<usize> = shape
        .iter()
        .scan(1usize, |product, &length| {
            let stride = *product;
            *product *= length;
            Some(stride)
        })
        .collect();
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    let mut rows = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        rows.push(values[place]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    rows
}
