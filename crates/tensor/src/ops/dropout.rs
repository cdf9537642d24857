//! Dropout (Srivastava et al. 2014), scaled while training so that prediction is the identity.

use ndarray_rand::rand::Rng;

use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Mode, Tape, Var};

struct Dropout<T> {
    x: Var,
    /// 0 for what is dropped, `1 / (1 - probability)` for what stays.
    mask: Buffer<T>,
}

impl<T: Element> Tape<'_, T> {
    /// While training: each element becomes 0 with the given probability, and what stays is divided by `1 - probability`.
    /// In inference, or with probability 0, `x` itself.
    ///
    /// The generator is drawn from once an element, in row-major order.
    ///
    /// # Panics
    ///
    /// When `probability` is outside `[0, 1)`.
    #[track_caller]
    pub fn dropout<R: Rng + ?Sized>(&mut self, x: Var, probability: f64, rng: &mut R) -> Var {
        assert!((0.0..1.0).contains(&probability), "dropout probability {probability} is outside [0, 1)");
        if self.mode() == Mode::Inference || probability == 0.0 {
            return x;
        }
        let (threshold, kept) = (T::narrow(probability), T::narrow(1.0 / (1.0 - probability)));
        let values = self.value(x);
        let (mut mask, mut y) = (self.buffer(values.len()), self.buffer(values.len()));
        mask.iter_mut().for_each(|m| *m = if T::uniform(rng) < threshold { T::zero() } else { kept });
        elementwise::zip(&mut y, values, &mask, |x, m| x * m);
        let shape = self.shape(x).to_vec();
        self.record(&shape, y, &[x], Dropout { x, mask })
    }
}

impl<T: Element> Operator<T> for Dropout<T> {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, mut gradient: Buffer<T>) {
        elementwise::update(&mut gradient, &self.mask, |g, m| g * m);
        context.add(self.x, gradient);
    }
}
