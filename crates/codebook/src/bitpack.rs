//! Indices at a fixed number of bits, lowest bit first.

use crate::Error;

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

/// Reads `count` indices of `width` bits.
///
/// # Errors
/// If there are not exactly as many bytes as that takes, or bits left over are not zero.
pub(crate) fn unpack(bytes: &[u8], count: usize, width: u32) -> Result<Vec<u16>, Error> {
    let needed = packed_len(count, width).unwrap_or(usize::MAX);
    if bytes.len() != needed {
        return Err(Error::SectionLength { part: "packed indices", needed: needed as u64, found: bytes.len() as u64 });
    }
    let mut out = Vec::with_capacity(count);
    let (mut buffer, mut filled) = (0u32, 0);
    let mut bytes = bytes.iter();
    for _ in 0..count {
        while filled < width {
            buffer |= u32::from(*bytes.next().expect("the length was checked")) << filled;
            filled += 8;
        }
        out.push((buffer & ((1 << width) - 1)) as u16);
        buffer >>= width;
        filled -= width;
    }
    if buffer != 0 {
        return Err(Error::Malformed {
            what: "padding of packed indices",
            value: u64::from(buffer),
            rule: "it is zero",
        });
    }
    Ok(out)
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
            prop_assert_eq!(unpack(&bytes, indices.len(), width).unwrap(), indices);
        }
    }
}
