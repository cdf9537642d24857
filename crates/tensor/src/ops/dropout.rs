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
    /// The generator is drawn from once an element, in row-major order, by a single-precision number for either type.
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
        let (threshold, kept) = (probability as f32, T::narrow(1.0 / (1.0 - probability)));
        let values = self.value(x);
        let (mut mask, mut y) = (self.buffer(values.len()), self.buffer(values.len()));
        mask.iter_mut().for_each(|m| *m = if rng.random::<f32>() < threshold { T::zero() } else { kept });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, check, tensor};
    use crate::{Pool, Tensor};
    use mixpress_testing::strategies::{cases, shape};
    use ndarray_rand::rand::{Rng, SeedableRng};
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;

    struct Dropped {
        probability: f64,
        seed: u64,
        mode: Mode,
    }

    impl Problem for Dropped {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.dropout(inputs[0], self.probability, &mut ChaCha8Rng::seed_from_u64(self.seed))
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            if self.mode == Mode::Inference {
                return inputs[0].clone();
            }
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            let mut drop = || rng.random::<f32>() < self.probability as f32;
            let values = inputs[0].data().iter().map(|x| if drop() { 0.0 } else { x / (1.0 - self.probability) });
            Tensor::new(inputs[0].shape(), values.collect()).unwrap()
        }

        fn mode(&self) -> Mode {
            self.mode
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn dropout_is_right(shape in shape(0..4, 0..5), probability in 0.0..0.9, training: bool, seed: u64) {
            let mode = if training { Mode::Training } else { Mode::Inference };
            check(&Dropped { probability, seed, mode }, &[tensor(&shape, seed)]);
        }
    }

    #[test]
    fn the_share_and_the_mean_are_kept() {
        let ones = Tensor::full(&[100, 100], 1.0_f32);
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let x = tape.constant(&ones);
        let y = tape.dropout(x, 0.2, &mut ChaCha8Rng::seed_from_u64(5));
        let kept = tape.value(y).iter().filter(|&&y| y != 0.0).count();
        // 8000 expected, standard deviation 40.
        assert!((7840..8160).contains(&kept), "{kept}");
        assert!(tape.value(y).iter().all(|&y| y == 0.0 || y == 1.25));
    }
}
