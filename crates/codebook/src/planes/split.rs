//! Numbers into planes and back.

/// The planes of numbers of `width` bytes, one after the other.
pub(super) fn split(bytes: &[u8], width: usize, is_sign_last: bool, planes: &mut [u8]) {
    match (width, is_sign_last) {
        (2, false) => split_as::<2, false>(bytes, planes),
        (2, true) => split_as::<2, true>(bytes, planes),
        (4, false) => split_as::<4, false>(bytes, planes),
        (4, true) => split_as::<4, true>(bytes, planes),
        (8, false) => split_as::<8, false>(bytes, planes),
        (8, true) => split_as::<8, true>(bytes, planes),
        _ => planes.copy_from_slice(bytes),
    }
}

/// The numbers of `width` bytes of which these are the planes.
pub(super) fn join(planes: &[u8], width: usize, is_sign_last: bool, bytes: &mut [u8]) {
    match (width, is_sign_last) {
        (2, false) => join_as::<2, false>(planes, bytes),
        (2, true) => join_as::<2, true>(planes, bytes),
        (4, false) => join_as::<4, false>(planes, bytes),
        (4, true) => join_as::<4, true>(planes, bytes),
        (8, false) => join_as::<8, false>(planes, bytes),
        (8, true) => join_as::<8, true>(planes, bytes),
        _ => bytes.copy_from_slice(planes),
    }
}

fn split_as<const W: usize, const SIGN_LAST: bool>(bytes: &[u8], planes: &mut [u8]) {
    let length = bytes.len() / W;
    for (place, plane) in planes.chunks_exact_mut(length).enumerate() {
        for (out, number) in plane.iter_mut().zip(bytes.as_chunks::<W>().0) {
            *out = if SIGN_LAST { number[place] << 1 | number[(place + W - 1) % W] >> 7 } else { number[place] };
        }
    }
}

fn join_as<const W: usize, const SIGN_LAST: bool>(planes: &[u8], bytes: &mut [u8]) {
    let length = bytes.len() / W;
    for (i, number) in bytes.as_chunks_mut::<W>().0.iter_mut().enumerate() {
        let part = |place: usize| planes[place % W * length + i];
        for (place, out) in number.iter_mut().enumerate() {
            *out = if SIGN_LAST { part(place) >> 1 | part(place + 1) << 7 } else { part(place) };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(seed in any::<u64>(), width in 0u32..4, count in 1usize..100, is_sign_last in any::<bool>()) {
            let width = 1usize << width;
            let noise = |i: usize| (seed.wrapping_add(i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u8;
            let bytes: Vec<u8> = (0..count * width).map(noise).collect();
            let mut planes = vec![0; bytes.len()];
            split(&bytes, width, is_sign_last, &mut planes);
            let mut back = vec![0; bytes.len()];
            join(&planes, width, is_sign_last, &mut back);
            prop_assert_eq!(back, bytes);
        }
    }

    #[test]
    fn the_exponent_fills_the_highest_plane() {
        let bytes: Vec<u8> = [1.0f32, -1.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut planes = [0; 8];
        split(&bytes, 4, true, &mut planes);
        assert_eq!(planes, [0, 1, 0, 0, 0, 0x80, 127, 127]);
    }
}
