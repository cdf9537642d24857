//! Hyperbolic tangent.

use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Tanh {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `tanh(x)`, elementwise.
    pub fn tanh(&mut self, x: Var) -> Var {
        let mut y = self.buffer(self.value(x).len());
        elementwise::map(&mut y, self.value(x), T::tanh);
        let shape = self.shape(x).to_vec();
        self.record(&shape, y, &[x], Tanh { x })
    }
}

impl<T: Element> Operator<T> for Tanh {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, mut gradient: Buffer<T>) {
        elementwise::update(&mut gradient, context.output(), |g, y| g * (T::one() - y * y));
        context.add(self.x, gradient);
    }
}
