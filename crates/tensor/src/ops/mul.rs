//! Product of two tensors, elementwise, with broadcasting.

use super::broadcast::{broadcast_shape, combine, reduce_to};
use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Mul {
    a: Var,
    b: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `a · b`, elementwise, broadcast as in `NumPy`.
    ///
    /// # Panics
    ///
    /// When the shapes cannot be broadcast together.
    #[track_caller]
    pub fn mul(&mut self, a: Var, b: Var) -> Var {
        let (a_shape, b_shape) = (self.shape(a), self.shape(b));
        let (y, shape) = if a_shape == b_shape {
            let mut y = self.buffer(self.value(a).len());
            elementwise::zip(&mut y, self.value(a), self.value(b), |a, b| a * b);
            (y, a_shape.to_vec())
        } else {
            let shape = broadcast_shape(a_shape, b_shape);
            let operands = ((self.value(a), a_shape), (self.value(b), b_shape));
            (combine(self.pool(), &shape, operands.0, operands.1, |a, b| a * b), shape)
        };
        self.record(&shape, y, &[a, b], Mul { a, b })
    }
}

impl<T: Element> Operator<T> for Mul {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let shape = context.output_shape();
        for (operand, other) in [(self.a, self.b), (self.b, self.a)] {
            if !context.needs(operand) {
                continue;
            }
            let (to, other_shape) = (context.shape(operand), context.shape(other));
            let whole =
                combine(context.pool(), shape, (&gradient, shape), (context.value(other), other_shape), |g, o| g * o);
            let reduced = if to == shape { whole } else { reduce_to(context.pool(), &whole, shape, to) };
            context.add(operand, reduced);
        }
    }
}
