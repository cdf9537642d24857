//! Rectified linear unit: `max(x, 0)`.

use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Relu {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `max(x, 0)`, elementwise; its derivative at 0 is taken as 0.
    pub fn relu(&mut self, x: Var) -> Var {
        let mut y = self.buffer(self.value(x).len());
        // Written so that NaN passes through instead of becoming 0.
        elementwise::map(&mut y, self.value(x), |x| if x < T::zero() { T::zero() } else { x });
        let shape = self.shape(x).to_vec();
        self.record(&shape, y, &[x], Relu { x })
    }
}

impl<T: Element> Operator<T> for Relu {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, mut gradient: Buffer<T>) {
        elementwise::update(&mut gradient, context.output(), |g, y| if y > T::zero() { g } else { T::zero() });
        context.add(self.x, gradient);
    }
}
