//! What files have in common: names of tensors, and whole structures of well-known networks.
//!
//! Both tables are part of the format and may only grow at their ends.

use crate::structure::{GroupRecord, Structure, TensorRecord};

/// Names that a file can tell by number.
pub(crate) const NAMES: [&str; 64] = [
    "fc1.weight",
    "fc1.bias",
    "fc2.weight",
    "fc2.bias",
    "fc3.weight",
    "fc3.bias",
    "fc4.weight",
    "fc4.bias",
    "fc5.weight",
    "fc5.bias",
    "fc.weight",
    "fc.bias",
    "conv1.weight",
    "conv1.bias",
    "conv2.weight",
    "conv2.bias",
    "conv3.weight",
    "conv3.bias",
    "conv4.weight",
    "conv4.bias",
    "conv5.weight",
    "conv5.bias",
    "conv6.weight",
    "conv6.bias",
    "bn1.weight",
    "bn1.bias",
    "bn1.running_mean",
    "bn1.running_var",
    "bn2.weight",
    "bn2.bias",
    "bn2.running_mean",
    "bn2.running_var",
    "bn3.weight",
    "bn3.bias",
    "bn3.running_mean",
    "bn3.running_var",
    "bn4.weight",
    "bn4.bias",
    "bn4.running_mean",
    "bn4.running_var",
    "bn5.weight",
    "bn5.bias",
    "bn5.running_mean",
    "bn5.running_var",
    "bn6.weight",
    "bn6.bias",
    "bn6.running_mean",
    "bn6.running_var",
    "linear.weight",
    "linear.bias",
    "linear1.weight",
    "linear1.bias",
    "linear2.weight",
    "linear2.bias",
    "classifier.weight",
    "classifier.bias",
    "head.weight",
    "head.bias",
    "norm.weight",
    "norm.bias",
    "embedding.weight",
    "lm_head.weight",
    "weight",
    "bias",
];

/// Units of a group, and its grid.
type Units = (u64, Option<(u64, u64)>);
/// Name, shape, and for each axis the group and the repetition, if any.
type Named = (&'static str, &'static [u64], &'static [Option<(u64, u64)>]);

/// Structures that a file can tell by number, from 1 on.
const STRUCTURES: [(&[Units], &[Named]); 4] = [
    // 1: LeNet-300-100 on 28 x 28 pixels.
    (
        &[(784, Some((28, 28))), (300, None), (100, None), (10, None)],
        &[
            ("fc1.weight", &[300, 784], &[Some((1, 1)), Some((0, 1))]),
            ("fc1.bias", &[300], &[Some((1, 1))]),
            ("fc2.weight", &[100, 300], &[Some((2, 1)), Some((1, 1))]),
            ("fc2.bias", &[100], &[Some((2, 1))]),
            ("fc3.weight", &[10, 100], &[Some((3, 1)), Some((2, 1))]),
            ("fc3.bias", &[10], &[Some((3, 1))]),
        ],
    ),
    // 2: LeNet-5 as in Caffe, on 28 x 28 pixels.
    (
        &[(1, None), (20, None), (50, None), (500, None), (10, None)],
        &[
            ("conv1.weight", &[20, 1, 5, 5], &[Some((1, 1)), Some((0, 1)), None, None]),
            ("conv1.bias", &[20], &[Some((1, 1))]),
            ("conv2.weight", &[50, 20, 5, 5], &[Some((2, 1)), Some((1, 1)), None, None]),
            ("conv2.bias", &[50], &[Some((2, 1))]),
            ("fc1.weight", &[500, 800], &[Some((3, 1)), Some((2, 16))]),
            ("fc1.bias", &[500], &[Some((3, 1))]),
            ("fc2.weight", &[10, 500], &[Some((4, 1)), Some((3, 1))]),
            ("fc2.bias", &[10], &[Some((4, 1))]),
        ],
    ),
    // 3: 64-128-64-10 on 8 x 8 pixels.
    (&[(64, Some((8, 8))), (128, None), (64, None), (10, None)], DIGITS),
    // 4: 64-128-64-10 on 64 features.
    (&[(64, None), (128, None), (64, None), (10, None)], DIGITS),
];

/// The tensors of 64-128-64-10.
const DIGITS: &[Named] = &[
    ("fc1.weight", &[128, 64], &[Some((1, 1)), Some((0, 1))]),
    ("fc1.bias", &[128], &[Some((1, 1))]),
    ("fc2.weight", &[64, 128], &[Some((2, 1)), Some((1, 1))]),
    ("fc2.bias", &[64], &[Some((2, 1))]),
    ("fc3.weight", &[10, 64], &[Some((3, 1)), Some((2, 1))]),
    ("fc3.bias", &[10], &[Some((3, 1))]),
];

/// The structure of number `id` (1 is the first), all of whose tensors are quantised.
pub(crate) fn known_structure(id: u64) -> Option<Structure> {
    let (groups, tensors) = STRUCTURES.get(usize::try_from(id).ok()?.checked_sub(1)?)?;
    Some(Structure {
        groups: groups.iter().map(|&(size, grid)| GroupRecord { size, grid }).collect(),
        tensors: (tensors.iter())
            .map(|&(name, shape, axes)| TensorRecord::new(name, shape.to_vec(), 0, axes.to_vec()))
            .collect(),
    })
}

/// The number of a structure, if it is a known one.
pub(crate) fn structure_id(structure: &Structure) -> Option<u64> {
    (1..=STRUCTURES.len() as u64).find(|&id| known_structure(id).as_ref() == Some(structure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_distinct_and_known_structures_are_consistent() {
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
        for id in 1..=STRUCTURES.len() as u64 {
            let structure = known_structure(id).unwrap();
            structure.check(&crate::Limits::default()).unwrap();
            assert_eq!(structure_id(&structure), Some(id));
        }
        assert!(known_structure(0).is_none() && known_structure(1 << 40).is_none());
    }
}
