//! A list in blocks of equal size: it grows without moving what it holds, and asks the allocator for small pieces alone.
//!
//! What a tape records of a step grows with the depth of the network. As one vector it would be the only thing above a few
//! KiB that a warm step asks the allocator for.

use std::ops::{Index, IndexMut};

/// Elements of a block.
const BLOCK: usize = 32;

pub(crate) struct Blocks<T> {
    /// Full ones, but for the last.
    blocks: Vec<Vec<T>>,
}

impl<T> Blocks<T> {
    pub fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    pub fn push(&mut self, element: T) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(element),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(element);
                self.blocks.push(block);
            }
        }
    }

    pub fn pop(&mut self) -> Option<T> {
        let last = self.blocks.last_mut()?;
        let element = last.pop();
        if last.is_empty() {
            self.blocks.pop();
        }
        element
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.blocks.get(index / BLOCK)?.get(index % BLOCK)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.blocks.get_mut(index / BLOCK)?.get_mut(index % BLOCK)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }
}

impl<T> FromIterator<T> for Blocks<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut blocks = Self::new();
        elements.into_iter().for_each(|element| blocks.push(element));
        blocks
    }
}

impl<T> Index<usize> for Blocks<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.blocks[index / BLOCK][index % BLOCK]
    }
}

impl<T> IndexMut<usize> for Blocks<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.blocks[index / BLOCK][index % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_vector(actions in proptest::collection::vec(proptest::option::weighted(0.7, any::<u16>()), 0..300)) {
            let (mut blocks, mut vector) = (Blocks::new(), Vec::new());
            for action in actions {
                if let Some(element) = action {
                    blocks.push(element);
                    vector.push(element);
                } else {
                    prop_assert_eq!(blocks.pop(), vector.pop());
                }
                prop_assert_eq!(blocks.len(), vector.len());
                let last = vector.len().saturating_sub(1);
                prop_assert_eq!(blocks.get(last), vector.get(last));
                prop_assert_eq!(blocks.get_mut(vector.len()), None);
            }
            prop_assert!(blocks.iter().eq(&vector));
            prop_assert!((0..vector.len()).all(|index| blocks[index] == vector[index]));
        }
    }
}
