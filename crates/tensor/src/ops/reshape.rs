//! Reshape and flatten: the same elements under another shape; nothing is copied, forwards or backwards.

use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Reshape {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// The elements of `x`, in row-major order, under another shape.
    ///
    /// # Panics
    ///
    /// When the shapes hold different numbers of elements.
    #[track_caller]
    pub fn reshape(&mut self, x: Var, shape: &[usize]) -> Var {
        let from = self.shape(x);
        assert_eq!(
            from.iter().product::<usize>(),
            shape.iter().product::<usize>(),
            "cannot reshape {from:?} to {shape:?}: they hold different numbers of elements"
        );
        self.record_alias(shape, x, Reshape { x })
    }

    /// `[N, ...]` to `[N, product of the rest]`.
    ///
    /// # Panics
    ///
    /// When `x` is a scalar.
    #[track_caller]
    pub fn flatten(&mut self, x: Var) -> Var {
        let [first, rest @ ..] = self.shape(x) else { panic!("a scalar cannot be flattened to rows") };
        let shape = [*first, rest.iter().product()];
        self.record_alias(&shape, x, Reshape { x })
    }
}

impl<T: Element> Operator<T> for Reshape {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        context.add(self.x, gradient);
    }
}
