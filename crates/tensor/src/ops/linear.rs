//! Dense layer: `x · Wᵀ + b`.

use crate::kernels::product::{Matrix, Onto, Threads, product};
use crate::kernels::reduce::sum_rows;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Linear {
    x: Var,
    weight: Var,
    bias: Option<Var>,
    /// Rows of `x`, inputs, outputs.
    size: [usize; 3],
}

impl<T: Element> Tape<'_, T> {
    /// `x · weightᵀ + bias` for `x` of shape `[N, I]`, `weight` of shape `[O, I]` and `bias` of shape `[O]`; the result is
    /// `[N, O]`. The layout is `PyTorch`'s.
    ///
    /// # Panics
    ///
    /// When the shapes are not these.
    #[track_caller]
    pub fn linear(&mut self, x: Var, weight: Var, bias: Option<Var>) -> Var {
        let (&[n, i], &[o, inputs]) = (self.shape(x), self.shape(weight)) else {
            panic!("dense layer on shape {:?} with weights {:?}", self.shape(x), self.shape(weight))
        };
        assert_eq!(i, inputs, "dense layer on shape [{n}, {i}] with weights [{o}, {inputs}]");
        let mut y = self.buffer(n * o);
        let onto = match bias {
            None => Onto::Overwrite,
            Some(bias) => {
                assert_eq!(self.shape(bias), [o], "bias of shape {:?} for weights [{o}, {i}]", self.shape(bias));
                if o > 0 {
                    y.chunks_exact_mut(o).for_each(|row| row.copy_from_slice(self.value(bias)));
                }
                Onto::Add
            }
        };
        let (lhs, rhs) = (Matrix::new(self.value(x), n, i), Matrix::new(self.value(weight), o, i).transposed());
        product(&mut y, onto, lhs, rhs, Threads::Any);
        let operator = Linear { x, weight, bias, size: [n, i, o] };
        match bias {
            None => self.record(&[n, o], y, &[x, weight], operator),
            Some(bias) => self.record(&[n, o], y, &[x, weight, bias], operator),
        }
    }
}

impl<T: Element> Operator<T> for Linear {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let [n, i, o] = self.size;
        let (x, weight) = (context.value(self.x), context.value(self.weight));
        if let Some(bias) = self.bias.filter(|&bias| context.needs(bias)) {
            let mut db = context.buffer(o);
            sum_rows(&mut db, &gradient);
            context.add(bias, db);
        }
        let gradient = Matrix::new(&gradient, n, o);
        if context.needs(self.weight) {
            let mut dw = context.buffer(o * i);
            product(&mut dw, Onto::Overwrite, gradient.transposed(), Matrix::new(x, n, i), Threads::Any);
            context.add(self.weight, dw);
        }
        if context.needs(self.x) {
            let mut dx = context.buffer(n * i);
            product(&mut dx, Onto::Overwrite, gradient, Matrix::new(weight, o, i), Threads::Any);
            context.add(self.x, dx);
        }
    }
}
