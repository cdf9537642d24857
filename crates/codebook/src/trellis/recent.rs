//! What was read last of a file and may be asked for again: numbers of blocks, which several tensors share, and values of
//! tensors that predict others and have bases, which take long to make.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::LANES;

/// The numbers of a block, strip by strip, row by row.
pub(super) type BlockNumbers = Vec<[i16; LANES]>;

/// Tensors whose values are kept: two pairs may be under way in a layer.
const PARTNERS: usize = 2;
/// Entries of the largest tensor that is kept: 16 MiB.
const MOST_ENTRIES: usize = 1 << 22;

/// What is kept of a file, whichever section it is of.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    blocks: Kept<BlockNumbers>,
    partners: Kept<Vec<f32>>,
}

/// Things by the numbers of a section and of what they are in it, the one asked for last at the end.
#[derive(Debug)]
struct Kept<T>(Mutex<VecDeque<([usize; 2], Arc<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Kept<T> {
    fn get(&self, key: [usize; 2]) -> Option<Arc<T>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|entry| entry.0 == key)?;
        let entry = kept.remove(place)?;
        let found = entry.1.clone();
        kept.push_back(entry);
        Some(found)
    }

    fn keep(&self, key: [usize; 2], thing: Arc<T>, most: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| entry.0 != key);
        kept.push_back((key, thing));
        while kept.len() > most {
            kept.pop_front();
        }
    }
}

impl Recent {
    /// The numbers of a block of a section.
    pub(super) fn block(&self, section: usize, block: usize) -> Option<Arc<BlockNumbers>> {
        self.blocks.get([section, block])
    }

    /// Keeps the numbers of a block: of as many as a tensor begins and ends in, and the tensors on both sides of it, for
    /// each thread.
    pub(super) fn keep_block(&self, section: usize, block: usize, numbers: Arc<BlockNumbers>) {
        self.blocks.keep([section, block], numbers, 4 * rayon::current_num_threads());
    }

    /// The values of a tensor of a section.
    pub(super) fn partner(&self, section: usize, tensor: usize) -> Option<Arc<Vec<f32>>> {
        self.partners.get([section, tensor])
    }

    /// Whether the values of a tensor of so many entries may be kept.
    pub(super) fn has_room_for(entries: usize) -> bool {
        entries <= MOST_ENTRIES
    }

    /// Keeps the values of a tensor.
    pub(super) fn keep_partner(&self, section: usize, tensor: usize, values: &Arc<Vec<f32>>) {
        if Self::has_room_for(values.len()) {
            self.partners.keep([section, tensor], values.clone(), PARTNERS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_longest_goes_first_and_nothing_is_kept_twice() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        pool.install(|| {
            let recent = Recent::default();
            let numbers = |of: i16| Arc::new(vec![[of; LANES]]);
            for block in 0..4 {
                recent.keep_block(0, block, numbers(block as i16));
            }
            recent.keep_block(0, 1, numbers(1));
            assert_eq!(recent.block(0, 0).unwrap()[0][0], 0);
            recent.keep_block(7, 3, numbers(30));
            assert!(recent.block(0, 2).is_none(), "it was the last that was asked for");
            assert_eq!([(0, 3), (0, 1), (0, 0), (7, 3)].map(|(s, b)| recent.block(s, b).unwrap()[0][0]), [3, 1, 0, 30]);
        });
    }

    #[test]
    fn large_tensors_are_not_kept() {
        let recent = Recent::default();
        recent.keep_partner(0, 0, &Arc::new(vec![0.5; 3]));
        recent.keep_partner(0, 1, &Arc::new(vec![0.0; MOST_ENTRIES + 1]));
        assert_eq!(recent.partner(0, 0).unwrap()[..], [0.5; 3]);
        assert!(recent.partner(0, 1).is_none() && recent.partner(1, 0).is_none());
    }
}
