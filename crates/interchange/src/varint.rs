//! Numbers in as many bytes as they need: seven bits a byte, the lowest first, as protobuf writes them.

/// Appends a number in the fewest bytes.
pub(crate) fn put(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Bytes that [`put`] takes for it.
pub(crate) fn length(value: u64) -> u64 {
    u64::from((64 - (value | 1).leading_zeros()).div_ceil(7))
}

/// The number at the front and the bytes that it takes, at most ten; bits beyond 64 are dropped, as protobuf does.
pub(crate) fn take(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (place, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            return Some((value, place + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn numbers_come_back(value in any::<u64>(), shift in 0u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put(value, &mut bytes);
            prop_assert_eq!(bytes.len() as u64, length(value));
            prop_assert_eq!(take(&bytes), Some((value, bytes.len())));
            bytes.pop();
            prop_assert_eq!(take(&bytes), None);
        }
    }

    #[test]
    fn more_bytes_than_needed_are_read_and_eleven_are_not() {
        assert_eq!(take(&[0x81, 0x80, 0x00, 7]), Some((1, 3)));
        assert_eq!(take(&[0xFF; 11]), None);
        assert_eq!((length(0), length(127), length(128), length(u64::MAX)), (1, 1, 2, 10));
    }
}
