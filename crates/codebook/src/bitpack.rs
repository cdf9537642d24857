//! Indices at a fixed number of bits, lowest bit first.

use rayon::prelude::*;

use crate::{Error, output::Output, rans::BLOCK};

/// Bytes that `count` indices of `width` bits take, unless that overflows.
pub(crate) fn packed_len(count: usize, width: u32) -> Option<usize> {
    Some(count.checked_mul(width as usize)?.div_ceil(8))
}

/// Packs indices below `2^width`, at most 16 bits each.
pub(crate) fn pack(indices: &[u16], width: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(packed_len(indices.len(), width).unwrap_or(0));
    let (mut buffer, mut filled) = (0u32, 0);
    for &index in indices {
        buffer |= u32::from(index) << filled;
        filled += width;
        while filled >= 8 {
            out.push(buffer as u8);
            buffer >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(buffer as u8);
    }
    out
}

/// Indices that are unpacked before they become outputs: a whole number of bytes, and little enough to stay close.
const PIECE: usize = 1 << 10;

/// Reads as many indices as `out` has room for, each in as many bits as tell the `values` of the codebook apart.
///
/// # Errors
/// If there are not exactly as many bytes as that takes, bits left over are not zero, or an index names no value.
pub(crate) fn unpack<T: Output>(bytes: &[u8], values: &[f32], out: &mut [T]) -> Result<(), Error> {
    let width = values.len().next_power_of_two().trailing_zeros();
    let needed = packed_len(out.len(), width).unwrap_or(usize::MAX);
    if bytes.len() != needed {
        return Err(Error::SectionLength { part: "packed indices", needed: needed as u64, found: bytes.len() as u64 });
    }
    let piece = |(number, out): (usize, &mut [T])| {
        let start = number * PIECE / 8 * width as usize;
        let mut indices = [0; PIECE];
        let indices = &mut indices[..out.len()];
        let spare = unpack_piece(&bytes[start..], width, indices);
        if spare != 0 {
            return Err(Error::Malformed { what: "padding of packed indices", value: spare, rule: "it is zero" });
        }
        let largest = indices.iter().copied().max().unwrap_or_default();
        if usize::from(largest) >= values.len() {
            return Err(Error::Malformed {
                what: "a packed index",
                value: u64::from(largest),
                rule: "it names a value of the codebook",
            });
        }
        out.iter_mut().zip(indices).for_each(|(out, index)| *out = T::of(*index, values));
        Ok(())
    };
    if out.len() <= BLOCK {
        return out.chunks_mut(PIECE).enumerate().try_for_each(piece);
    }
    let results: Vec<Result<(), Error>> = (out.par_chunks_mut(BLOCK).enumerate())
        .map(|(block, out)| {
            let first = block * (BLOCK / PIECE);
            out.chunks_mut(PIECE).enumerate().try_for_each(|(number, out)| piece((first + number, out)))
        })
        .collect();
    results.into_iter().collect()
}

/// Reads indices from the lowest bit of the first byte on; gives what is left of the last byte that it reads.
fn unpack_piece(bytes: &[u8], width: u32, out: &mut [u16]) -> u64 {
    let mask = (1u64 << width) - 1;
    let width = width as usize;
    // Eight indices are a whole number of bytes.
    let (eights, rest) = out.as_chunks_mut::<8>();
    let mut position = 0;
    for eight in eights {
        let mut wide = [0; 16];
        wide[..width].copy_from_slice(&bytes[position..position + width]);
        let wide = u128::from_le_bytes(wide);
        for (i, out) in eight.iter_mut().enumerate() {
            *out = ((wide >> (i * width)) as u64 & mask) as u16;
        }
        position += width;
    }
    let mut wide = [0; 16];
    let used = rest.len() * width;
    wide[..used.div_ceil(8)].copy_from_slice(&bytes[position..position + used.div_ceil(8)]);
    let wide = u128::from_le_bytes(wide);
    for (i, out) in rest.iter_mut().enumerate() {
        *out = ((wide >> (i * width)) as u64 & mask) as u16;
    }
    (wide >> used) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn indices_come_back(width in 0u32..=16, raw in prop::collection::vec(any::<u16>(), 0..50)) {
            let indices: Vec<u16> = raw.iter().map(|&i| (u32::from(i) & ((1 << width) - 1)) as u16).collect();
            let bytes = pack(&indices, width);
            let values = vec![0.0; 1 << width];
            let mut out = vec![0u16; indices.len()];
            unpack(&bytes, &values, &mut out).unwrap();
            prop_assert_eq!(&out, &indices);
            if let Some(&largest) = indices.iter().max() && width > 1 && usize::from(largest) > 1 << (width - 1) {
                let fewer = &values[..usize::from(largest)];
                let refused = matches!(unpack(&bytes, fewer, &mut out), Err(Error::Malformed { what: "a packed index", .. }));
                prop_assert!(refused);
            }
        }
    }

    #[test]
    fn long_sections_are_read_in_blocks() {
        let indices: Vec<u16> = (0..2 * BLOCK as u32 + 3).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 27) as u16).collect();
        let bytes = pack(&indices, 5);
        let values: Vec<f32> = (0..32u16).map(f32::from).collect();
        let (mut short, mut long) = (vec![0u8; indices.len()], vec![0f32; indices.len()]);
        unpack(&bytes, &values, &mut short).unwrap();
        unpack(&bytes, &values, &mut long).unwrap();
        assert!(indices.iter().zip(&short).zip(&long).all(|((&i, &s), &l)| i == u16::from(s) && f32::from(i) == l));
        let mut padded = bytes;
        *padded.last_mut().unwrap() |= 0x80;
        let spare = unpack(&padded, &values, &mut long);
        assert_eq!(spare, Err(Error::Malformed { what: "padding of packed indices", value: 1, rule: "it is zero" }));
    }
}
