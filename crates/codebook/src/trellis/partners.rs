//! Values of whole tensors that others are predicted from, kept for those: with bases they take long to make.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Tensors whose values are kept: as many as layers of transformers have pairs under way at a time.
const KEPT: usize = 2;
/// No larger ones are.
const MOST_ENTRIES: usize = 1 << 24;

/// The values of the tensors that were read last.
#[derive(Debug, Default)]
pub(super) struct Partners(Mutex<VecDeque<(usize, Arc<Vec<f32>>)>>);

impl Partners {
    pub(super) fn get(&self, tensor: usize) -> Option<Arc<Vec<f32>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|entry| entry.0 == tensor).map(|entry| entry.1.clone())
    }

    pub(super) fn keep(&self, tensor: usize, values: &Arc<Vec<f32>>) {
        if values.len() > MOST_ENTRIES {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| entry.0 != tensor);
        kept.push_back((tensor, values.clone()));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}
