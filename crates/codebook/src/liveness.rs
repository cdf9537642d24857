//! Which units of a group are live, how a file says so, and the live part of a tensor.

use std::borrow::Cow;

use crate::{
    AxisRef, Container, Entry, Error, QuantizedTensor, UnitGroup, binary::BinaryCoder, counter::Counter,
    logistic::Logistic, mixer::Mixer,
};

/// Which units are live, group by group: those where any tensor has a nonzero entry.
pub(crate) fn live_units(container: &Container) -> Vec<Vec<bool>> {
    let mut live: Vec<Vec<bool>> = container.groups.iter().map(|g| vec![false; g.size]).collect();
    for entry in &container.entries {
        let Entry::Quantized(tensor) = entry else { continue };
        let zero = tensor.codebook().zero_index();
        let mut inner = tensor.len();
        for (axis, &length) in tensor.shape().iter().enumerate() {
            let slab = inner;
            inner /= length.max(1);
            let Some(AxisRef { group, repeat }) = tensor.axes()[axis] else { continue };
            let live = &mut live[group];
            for slab in tensor.indices().chunks(slab.max(1)) {
                for (position, part) in slab.chunks(inner.max(1)).enumerate() {
                    live[position / repeat] |= part.iter().any(|&index| Some(index) != zero);
                }
            }
        }
    }
    live
}

/// How many positions of each axis of a tensor are live.
pub(crate) fn live_lengths(shape: &[usize], axes: &[Option<AxisRef>], live: &[Vec<bool>]) -> Vec<usize> {
    let length = |(&length, axis): (&usize, &Option<AxisRef>)| match axis {
        None => length,
        Some(AxisRef { group, repeat }) => (0..length).filter(|position| live[*group][position / repeat]).count(),
    };
    shape.iter().zip(axes).map(length).collect()
}

/// The live positions of each axis of a tensor.
pub(crate) fn live_positions(shape: &[usize], axes: &[Option<AxisRef>], live: &[Vec<bool>]) -> Vec<Vec<u32>> {
    let positions = |(&length, axis): (&usize, &Option<AxisRef>)| {
        (0..length).filter(|i| axis.is_none_or(|a| live[a.group][i / a.repeat])).map(|i| i as u32).collect()
    };
    shape.iter().zip(axes).map(positions).collect()
}

/// Offsets in a whole tensor of the entries of its live part, in order.
pub(crate) fn live_offsets<'a>(shape: &[usize], live: &'a [Vec<u32>]) -> impl Iterator<Item = usize> + 'a {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let total: usize = live.iter().map(Vec::len).product();
    let mut counters = vec![0usize; shape.len()];
    (0..total).map(move |_| {
        let offset = counters.iter().zip(live).zip(&strides).map(|((&c, l), s)| l[c] as usize * s).sum();
        for axis in (0..counters.len()).rev() {
            counters[axis] += 1;
            if counters[axis] < live[axis].len() {
                break;
            }
            counters[axis] = 0;
        }
        offset
    })
}

/// Whether the live part of a tensor is all of it.
pub(crate) fn is_whole(shape: &[usize], live: &[Vec<u32>]) -> bool {
    live.iter().zip(shape).all(|(live, &length)| live.len() == length)
}

/// The indices of a tensor's live part.
pub(crate) fn gather<'a>(tensor: &'a QuantizedTensor, live: &[Vec<u32>]) -> Cow<'a, [u16]> {
    if is_whole(tensor.shape(), live) {
        return Cow::Borrowed(tensor.indices());
    }
    live_offsets(tensor.shape(), live).map(|i| tensor.indices()[i]).collect()
}

/// How a file says which units of a group are live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    All,
    Prefix,
    Bitmap,
}

/// Learns how a file's groups are told.
#[derive(Debug)]
pub(crate) struct Flags {
    is_all: Counter,
    is_prefix: Counter,
}

impl Flags {
    pub(crate) fn new() -> Self {
        Self { is_all: Counter::new(), is_prefix: Counter::new() }
    }

    /// Codes which units of `group` are live; a decoder fills `live`, which has one flag a unit.
    pub(crate) fn code<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        group: &UnitGroup,
        live: &mut [bool],
    ) -> Result<(), Error> {
        let count = live.iter().take_while(|&&l| l).count();
        let mode = if count == live.len() {
            Mode::All
        } else if !live[count..].contains(&true) {
            Mode::Prefix
        } else {
            Mode::Bitmap
        };
        if self.is_all.code(mode == Mode::All, coder) {
            live.fill(true);
        } else if self.is_prefix.code(mode == Mode::Prefix, coder) {
            let size = live.len();
            let width = usize::BITS - size.leading_zeros();
            let count = coder.bits(count as u64, width);
            if count > size as u64 {
                return Err(Error::Malformed {
                    what: "the number of live units",
                    value: count,
                    rule: "the group has fewer",
                });
            }
            live[..count as usize].fill(true);
            live[count as usize..].fill(false);
        } else {
            let [height, width] = group.grid.unwrap_or([1, live.len().max(1)]);
            code_bitmap(coder, live, height, width);
        }
        Ok(())
    }
}

/// Codes flags on planes of `height` x `width`: a mix of four counters, for the four nearest coded neighbours, for how
/// many of the twelve next ones are set, for the row and for the column.
fn code_bitmap<C: BinaryCoder>(coder: &mut C, flags: &mut [bool], height: usize, width: usize) {
    let logistic = Logistic::new();
    let mut mixer = Mixer::hundredths([40, 40, 30, 30], 400);
    let mut nearest = [Counter::new(); 16];
    let mut around = [Counter::new(); 13];
    let mut rows = vec![Counter::new(); height];
    let mut columns = vec![Counter::new(); width];
    for i in 0..flags.len() {
        let (y, x) = (i / width % height, i % width);
        let at = |dy: usize, dx: isize| {
            let column = x as isize + dx;
            y >= dy && column >= 0 && column < width as isize && flags[(i as isize + dx) as usize - dy * width]
        };
        let near = [at(0, -1), at(1, 0), at(1, -1), at(1, 1)];
        let far = [
            at(0, -2),
            at(0, -3),
            at(1, -2),
            at(1, 2),
            at(2, -2),
            at(2, -1),
            at(2, 0),
            at(2, 1),
            at(2, 2),
            at(3, -1),
            at(3, 0),
            at(3, 1),
        ];
        let near = near.iter().rev().fold(0, |bits, &b| bits << 1 | usize::from(b));
        let far = far.iter().filter(|&&b| b).count();
        let counters = [&mut nearest[near], &mut around[far], &mut rows[y], &mut columns[x]];
        let inputs = counters.each_ref().map(|c| logistic.stretch(c.p()));
        let p = mixer.p(logistic, &inputs);
        let flag = coder.code(flags[i], p);
        mixer.update(&inputs, p, flag);
        for c in counters {
            c.update(flag);
        }
        flags[i] = flag;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range_coder::{Decoder, Encoder};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn flags_come_back(
            pixels in any::<bool>(), live in prop::collection::vec(prop_oneof![3 => Just(true), 1 => Just(false)], 0..60)
        ) {
            let mut live = live;
            let group = if pixels {
                live.truncate(live.len() / 6 * 6);
                UnitGroup { size: live.len(), grid: Some([2, 3]) }
            } else {
                UnitGroup::new(live.len())
            };
            let mut encoder = Encoder::new();
            Flags::new().code(&mut encoder, &group, &mut live.clone()).unwrap();
            let bytes = encoder.finish();
            let mut got = vec![false; live.len()];
            Flags::new().code(&mut Decoder::new(&bytes), &group, &mut got).unwrap();
            prop_assert_eq!(got, live);
        }
    }

    #[test]
    fn a_live_part_goes_back_where_it_was() {
        let shape = [2, 3, 2];
        let live = [vec![1], vec![0, 2], vec![0, 1]];
        assert_eq!(live_offsets(&shape, &live).collect::<Vec<_>>(), [6, 7, 10, 11]);
        assert!(!is_whole(&shape, &live) && is_whole(&[], &[]));
        assert_eq!(live_offsets(&[], &[]).collect::<Vec<_>>(), [0]);
    }
}
