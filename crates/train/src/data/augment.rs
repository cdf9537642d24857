//! Augmentation: random shifts of images by one pixel, with zeros coming in at the border.
//!
//! An epoch's shifts are drawn at once, two bytes a sample, so a batch can be produced at random access and its bytes do
//! not depend on the batches before it.

use mixpress_simd::vectorized;
use ndarray_rand::rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::random::{Purpose, stream};

/// What is done to the training items of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augmentation {
    /// Items are used as they are.
    #[default]
    None,
    /// Each item is moved by -1, 0 or 1 pixel along both axes, with chances of 1/4, 1/2 and 1/4.
    ///
    /// All nine moves equally likely made files of `LeNet-300-100` 4 to 7 % larger at the same validation error (1.5 to
    /// 1.9 %, two seeds), and half of the items unmoved 5 to 25 %.
    Shift,
}

impl Augmentation {
    /// The shortest side of an image for which a shift by one pixel helps.
    ///
    /// On the 8x8 digits it harms: 64-128-64-10 made 4.7 % errors on held-out samples with shifts, 2.8 % without (means of
    /// five seeds, 2,000 steps of Adam).
    pub const SHORTEST_SIDE: usize = 16;

    /// [`Self::suited_to`] where augmentation is wanted, otherwise none.
    #[must_use]
    pub fn of(is_wanted: bool, item_shape: &[usize]) -> Self {
        if is_wanted { Self::suited_to(item_shape) } else { Self::None }
    }

    /// The augmentation that suits items of `item_shape`: [`Self::Shift`] for images `[channels, height, width]` with both
    /// sides at least [`Self::SHORTEST_SIDE`]; smaller images and plain vectors are left alone.
    #[must_use]
    pub fn suited_to(item_shape: &[usize]) -> Self {
        match item_shape {
            [_, height, width] if *height.min(width) >= Self::SHORTEST_SIDE => Self::Shift,
            _ => Self::None,
        }
    }
}

/// The shifts of all samples in one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shifts(Vec<[i8; 2]>);

impl Shifts {
    /// The shifts of `samples` samples in `epoch`: a function of the seed, the epoch and a sample's index alone.
    #[must_use]
    pub fn draw(samples: usize, seed: u64, epoch: u64) -> Self {
        let mut rng = stream(seed, Purpose::Augment, 0, epoch);
        // The sum of two coin flips, less one, along each axis.
        let one = |_| {
            let random = rng.next_u32();
            let flip = |bit: u32| ((random >> bit) & 1) as i8;
            [flip(0) + flip(1) - 1, flip(2) + flip(3) - 1]
        };
        Self((0..samples).map(one).collect())
    }

    /// How far a sample is moved, in pixels: down and to the right.
    #[must_use]
    pub fn of(&self, sample: usize) -> [i8; 2] {
        self.0[sample]
    }
}

/// Writes `convert` of the item's values, moved by `[down, right]` pixels in the last two axes of `shape`; what comes in
/// at the border is zero.
///
/// A move of an image is a move of its flat array, apart from the columns that wrap around: so one straight conversion
/// does all pixels, and the wrapped ones are cleared after it.
pub(super) fn shift<T: Copy>(
    item: &[T],
    shape: &[usize],
    [down, right]: [i8; 2],
    output: &mut [f32],
    convert: impl Fn(T) -> f32 + Copy,
) {
    let &[_, height, width] = shape else {
        return convert_all(item, output, convert);
    };
    if (down, right) == (0, 0) {
        return convert_all(item, output, convert);
    }
    let (down, right) = (isize::from(down), isize::from(right));
    if down.unsigned_abs() >= height || right.unsigned_abs() >= width {
        return output.fill(0.0);
    }
    let offset = down * width as isize + right;
    let gap = offset.unsigned_abs();
    for (image, plane) in item.chunks_exact(height * width).zip(output.chunks_exact_mut(height * width)) {
        let kept = plane.len() - gap;
        if offset >= 0 {
            convert_all(&image[..kept], &mut plane[gap..], convert);
            plane[..gap].fill(0.0);
        } else {
            convert_all(&image[gap..], &mut plane[..kept], convert);
            plane[kept..].fill(0.0);
        }
        let entering = if right >= 0 { 0..right as usize } else { width - right.unsigned_abs()..width };
        if !entering.is_empty() {
            plane.chunks_exact_mut(width).for_each(|row| row[entering.clone()].fill(0.0));
        }
    }
}

fn convert_all<T: Copy>(values: &[T], output: &mut [f32], convert: impl Fn(T) -> f32 + Copy) {
    // What `convert` captures is moved in, or each written value might be thought to change it.
    vectorized(
        #[inline(always)]
        move || {
            for (output, &value) in output.iter_mut().zip(values) {
                *output = convert(value);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: each output pixel asks where it came from.
    fn naive(item: &[u8], shape: [usize; 3], [down, right]: [i8; 2]) -> Vec<f32> {
        let [channels, height, width] = shape.map(|side| side as isize);
        let mut output = Vec::new();
        for channel in 0..channels {
            for row in 0..height {
                for column in 0..width {
                    let (y, x) = (row - isize::from(down), column - isize::from(right));
                    let inside = (0..height).contains(&y) && (0..width).contains(&x);
                    let at = (channel * height + y) * width + x;
                    output.push(if inside { f32::from(item[at as usize]) } else { 0.0 });
                }
            }
        }
        output
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_shift_moves_every_pixel_and_lets_zeros_in(
            channels in 1_usize..4, height in 1_usize..7, width in 1_usize..7, down in -2_i8..=2, right in -2_i8..=2,
        ) {
            let shape = [channels, height, width];
            let item: Vec<u8> = (1..=channels * height * width).map(|value| value as u8).collect();
            let mut output = vec![9.0; item.len()];
            shift(&item, &shape, [down, right], &mut output, f32::from);
            prop_assert_eq!(output, naive(&item, shape, [down, right]));
        }
    }

    #[test]
    fn a_vector_is_never_shifted() {
        let mut output = [9.0; 3];
        shift(&[1_u8, 2, 3], &[3], [1, 1], &mut output, f32::from);
        assert_eq!(output, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn moves_have_their_chances_and_change_from_epoch_to_epoch() {
        let shifts = Shifts::draw(90_000, 1, 0);
        let mut counts = [[0_u32; 3]; 3];
        for sample in 0..90_000 {
            let [down, right] = shifts.of(sample);
            counts[(down + 1) as usize][(right + 1) as usize] += 1;
        }
        for (down, row) in counts.iter().enumerate() {
            for (right, &count) in row.iter().enumerate() {
                let expected = 90_000 / 16 * [1, 2, 1][down] * [1, 2, 1][right];
                assert!(count.abs_diff(expected) < 500, "{counts:?}");
            }
        }
        assert_ne!(shifts, Shifts::draw(90_000, 1, 1));
        assert_ne!(shifts, Shifts::draw(90_000, 2, 0));
    }

    #[test]
    fn small_images_and_vectors_are_left_alone_by_default() {
        assert_eq!(Augmentation::suited_to(&[1, 28, 28]), Augmentation::Shift);
        assert_eq!(Augmentation::suited_to(&[3, 32, 32]), Augmentation::Shift);
        assert_eq!(Augmentation::suited_to(&[1, 8, 8]), Augmentation::None);
        assert_eq!(Augmentation::suited_to(&[784]), Augmentation::None);
    }
}
