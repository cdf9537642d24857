//! Sum and mean of all elements.

use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Sum<T> {
    x: Var,
    scale: T,
}

impl<T: Element> Tape<'_, T> {
    /// The sum of all elements, a scalar; 0 where there are none.
    pub fn sum(&mut self, x: Var) -> Var {
        self.scaled_sum(x, T::one())
    }

    /// The mean of all elements, a scalar; NaN where there are none.
    pub fn mean(&mut self, x: Var) -> Var {
        let count = T::narrow(self.value(x).len() as f64);
        self.scaled_sum(x, T::one() / count)
    }

    fn scaled_sum(&mut self, x: Var, scale: T) -> Var {
        let values = self.value(x);
        let sum = mixpress_parallel::sum(values.len(), |range| values[range].iter().map(|x| x.widen()).sum());
        let mut y = self.buffer(1);
        y[0] = T::narrow(sum * scale.widen());
        self.record(&[], y, &[x], Sum { x, scale })
    }
}

impl<T: Element> Operator<T> for Sum<T> {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let dx = context.pool().filled(context.value(self.x).len(), gradient[0] * self.scale);
        context.add(self.x, dx);
    }
}
