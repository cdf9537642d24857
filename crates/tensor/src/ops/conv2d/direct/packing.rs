//! Copies that bring images and filters into the order that the kernels read them in.

use super::super::unfold::copy;
use super::kernels::TILES;

/// Copies planes of `size` to where each takes `strides[0]` elements and each of its rows `strides[1]`.
pub(super) fn copy_rows(from: &[f32], size: [usize; 2], to: &mut [f32], strides: [usize; 2]) {
    let [height, width] = size;
    for (plane, from) in from.chunks_exact(height * width).enumerate() {
        for (row, from) in from.chunks_exact(width).enumerate() {
            copy(&mut to[plane * strides[0] + row * strides[1]..][..width], from);
        }
    }
}

/// Gathers vectors of positions filter by filter: `places` says where each begins in the first of the planes, which are
/// `positions` long, and how many of its `lanes` elements there are; the others become zero.
pub(super) fn turn(planes: &[f32], positions: usize, places: &[[usize; 2]], lanes: usize, turned: &mut [f32]) {
    for (filter, turned) in turned.chunks_exact_mut(places.len() * lanes).enumerate() {
        let planes = &planes[filter * positions..];
        for (&[place, inside], to) in places.iter().zip(turned.chunks_exact_mut(lanes)) {
            // Whole vectors of eight, the most frequent ones, without a call for each.
            if let (8, Ok(to), Some(from)) =
                (inside, <&mut [f32; 8]>::try_from(&mut *to), planes[place..].first_chunk())
            {
                *to = *from;
            } else {
                to[..inside].copy_from_slice(&planes[place..][..inside]);
                to[inside..].fill(0.0);
            }
        }
    }
}

/// Filters of `taps` weights each, in tiles of as many as the kernel takes at once: a tile holds, for each tap, the weights
/// of its filters side by side.
pub(super) fn pack(weights: &[f32], taps: usize, packed: &mut [f32]) {
    let (mut from, mut to) = (weights, packed);
    for tile in TILES {
        while from.len() >= tile * taps {
            let (filters, rest) = from.split_at(tile * taps);
            let (tile_to, to_rest) = to.split_at_mut(tile * taps);
            for (tap, to) in tile_to.chunks_exact_mut(tile).enumerate() {
                to.iter_mut().zip(filters[tap..].iter().step_by(taps)).for_each(|(to, &from)| *to = from);
            }
            (from, to) = (rest, to_rest);
        }
    }
}

/// Filters `[o, c]` of `taps` weights each as filters `[c, o]` with their taps in reverse: those of the gradient of the
/// input.
pub(super) fn mirror(weights: &[f32], [filters, channels]: [usize; 2], taps: usize, mirrored: &mut [f32]) {
    for (filter, weights) in weights.chunks_exact(channels * taps).enumerate() {
        for (channel, weights) in weights.chunks_exact(taps).enumerate() {
            let to = &mut mirrored[(channel * filters + filter) * taps..][..taps];
            to.iter_mut().zip(weights.iter().rev()).for_each(|(to, &from)| *to = from);
        }
    }
}
