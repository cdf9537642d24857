//! Gradients by variable: the first one is moved in, later ones are added.

use std::fmt;

use crate::blocks::Blocks;
use crate::kernels::elementwise;
use crate::{Buffer, Element, Var};

/// The gradients of a loss with respect to the parameters of a tape; see [`Tape::backward`](crate::Tape::backward).
pub struct Gradients<T = f32> {
    slots: Blocks<Option<Buffer<T>>>,
}

impl<T: Element> Gradients<T> {
    pub(crate) fn with_capacity(variables: usize) -> Self {
        Self { slots: (0..variables).map(|_| None).collect() }
    }

    /// The gradient with respect to a parameter, in row-major order; `None` when the loss does not depend on it, or when
    /// the variable is not a parameter.
    #[must_use]
    pub fn get(&self, variable: Var) -> Option<&[T]> {
        self.slots.get(variable.0)?.as_deref()
    }

    /// Moves a gradient out, so that it can be kept, changed in place and dropped back into the pool.
    pub fn take(&mut self, variable: Var) -> Option<Buffer<T>> {
        self.slots.get_mut(variable.0)?.take()
    }

    pub(crate) fn add(&mut self, variable: Var, gradient: Buffer<T>) {
        match &mut self.slots[variable.0] {
            Some(sum) => elementwise::update(sum, &gradient, |sum, term| sum + term),
            empty @ None => *empty = Some(gradient),
        }
    }
}

impl<T> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some()).map(|(index, _)| Var(index));
        f.debug_list().entries(present).finish()
    }
}
