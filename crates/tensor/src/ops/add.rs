//! Sum of two tensors, with broadcasting.

use super::broadcast::{broadcast_shape, combine, reduce_to};
use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Add {
    a: Var,
    b: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `a + b`, broadcast as in `NumPy`.
    ///
    /// # Panics
    ///
    /// When the shapes cannot be broadcast together.
    #[track_caller]
    pub fn add(&mut self, a: Var, b: Var) -> Var {
        let (a_shape, b_shape) = (self.shape(a), self.shape(b));
        let (y, shape) = if a_shape == b_shape {
            let mut y = self.buffer(self.value(a).len());
            elementwise::zip(&mut y, self.value(a), self.value(b), |a, b| a + b);
            (y, a_shape.to_vec())
        } else {
            let shape = broadcast_shape(a_shape, b_shape);
            let operands = ((self.value(a), a_shape), (self.value(b), b_shape));
            (combine(self.pool(), &shape, operands.0, operands.1, |a, b| a + b), shape)
        };
        self.record(&shape, y, &[a, b], Add { a, b })
    }
}

impl<T: Element> Operator<T> for Add {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let shape = context.output_shape();
        let whole = |operand| context.shape(operand) == shape;
        let (a_whole, b_whole) = (whole(self.a), whole(self.b));
        for (operand, whole) in [(self.a, a_whole), (self.b, b_whole)] {
            if !whole && context.needs(operand) {
                let reduced = reduce_to(context.pool(), &gradient, shape, context.shape(operand));
                context.add(operand, reduced);
            }
        }
        // The gradient itself is moved to one operand and copied only where both want it.
        match (a_whole && context.needs(self.a), b_whole && context.needs(self.b)) {
            (true, true) => {
                let mut copy = context.buffer(gradient.len());
                copy.copy_from_slice(&gradient);
                context.add(self.a, copy);
                context.add(self.b, gradient);
            }
            (true, false) => context.add(self.a, gradient),
            (false, true) => context.add(self.b, gradient),
            (false, false) => {}
        }
    }
}
