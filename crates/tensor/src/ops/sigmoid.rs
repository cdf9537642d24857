//! Logistic function.

use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Sigmoid {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `1 / (1 + e^-x)`, elementwise.
    pub fn sigmoid(&mut self, x: Var) -> Var {
        let mut y = self.buffer(self.value(x).len());
        elementwise::map(&mut y, self.value(x), |x| T::one() / (T::one() + (-x).exp()));
        let shape = self.shape(x).to_vec();
        self.record(&shape, y, &[x], Sigmoid { x })
    }
}

impl<T: Element> Operator<T> for Sigmoid {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, mut gradient: Buffer<T>) {
        elementwise::update(&mut gradient, context.output(), |g, y| g * y * (T::one() - y));
        context.add(self.x, gradient);
    }
}
