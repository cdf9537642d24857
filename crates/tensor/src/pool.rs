//! Buffers of past steps, kept for the next one: fresh memory costs page faults, and a training step needs the same
//! buffers again and again.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Element;

/// Sizes are rounded up to one of eight steps an octave, so that nearly equal requests share buffers.
const STEPS_AN_OCTAVE: u32 = 8;
const SMALLEST: usize = 64;

/// A store of buffers that steps take from and give back to. Shared by reference; usable from several threads at once.
pub struct Pool<T = f32> {
    shelves: Arc<Shelves<T>>,
}

/// Free buffers by their capacity class.
struct Shelves<T>(Mutex<BTreeMap<usize, Vec<Vec<T>>>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { shelves: Arc::new(Shelves(Mutex::new(BTreeMap::new()))) }
    }
}

impl<T: Element> Pool<T> {
    /// An empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` elements whose contents are *arbitrary* leftovers of earlier use: write every element.
    #[must_use]
    pub fn take(&self, len: usize) -> Buffer<T> {
        let class = capacity_class(len);
        let data = self.shelves.lock().get_mut(&class).and_then(Vec::pop);
        Buffer { data: data.unwrap_or_else(|| vec![T::zero(); class]), len, shelves: Arc::clone(&self.shelves) }
    }

    /// A buffer of `len` elements that all are `value`.
    #[must_use]
    pub fn filled(&self, len: usize, value: T) -> Buffer<T> {
        let mut buffer = self.take(len);
        buffer.fill(value);
        buffer
    }

    /// Bytes of the buffers that wait to be used again.
    #[must_use]
    pub fn idle_bytes(&self) -> usize {
        self.shelves.lock().iter().map(|(class, free)| class * free.len() * size_of::<T>()).sum()
    }

    /// Gives all idle buffers back to the allocator, for instance after a network has shrunk.
    pub fn clear(&self) {
        self.shelves.lock().clear();
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffers = self.shelves.lock().values().map(Vec::len).sum::<usize>();
        f.debug_struct("Pool").field("idle_buffers", &buffers).finish()
    }
}

impl<T> Shelves<T> {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Vec<Vec<T>>>> {
        // A panic elsewhere cannot leave the shelves half-changed: each critical section is one push or pop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slice of elements on loan from a [`Pool`]; it goes back when dropped.
pub struct Buffer<T> {
    data: Vec<T>,
    len: usize,
    shelves: Arc<Shelves<T>>,
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[..self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[..self.len]
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        self.shelves.lock().entry(data.len()).or_default().push(data);
    }
}

impl<T: fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The smallest capacity on offer that holds `len` elements.
fn capacity_class(len: usize) -> usize {
    if len <= SMALLEST {
        return SMALLEST;
    }
    let octave = (len - 1).ilog2();
    let step = 1_usize << octave.saturating_sub(STEPS_AN_OCTAVE.ilog2());
    len.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_class_holds_its_length_and_wastes_little(len in 0_usize..1 << 24) {
            let class = capacity_class(len);
            prop_assert!(class >= len);
            prop_assert!(class <= SMALLEST.max(len + len / 8 + 1));
            prop_assert_eq!(capacity_class(class), class);
        }
    }

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let pool = Pool::<f32>::new();
        let mut buffer = pool.take(1000);
        buffer[7] = 3.0;
        let address = buffer.as_ptr();
        drop(buffer);
        assert!(pool.idle_bytes() >= 4000);
        let again = pool.take(999);
        assert_eq!((again.as_ptr(), again[7], again.len()), (address, 3.0, 999));
        assert_eq!(pool.idle_bytes(), 0);
        assert!(pool.filled(999, 1.0).iter().all(|&x| x == 1.0));
        pool.clear();
        assert_eq!(pool.idle_bytes(), 0);
    }

    #[test]
    fn a_buffer_outlives_its_pool() {
        let buffer = Pool::<f64>::new().filled(3, 2.0);
        assert_eq!(&*buffer, [2.0; 3]);
    }
}
