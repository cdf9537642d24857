//! How operators are tested: a *problem* is an operator with its options, and a naive reference of it.
//!
//! [`check`] then asks four things of the operator on given inputs: its value equals the reference's; its gradients equal
//! central differences of that value, in `f64`; and in `f32` both value and gradients equal their `f64` twins. Gradients are
//! taken of `Σ_i c_i y_i` with random `c`.

use mixpress_testing::{assert_close, central_differences, uniform};

use crate::{Element, Mode, Pool, Tape, Tensor, Var};

/// The seed of `c`: one that no input has, or the gradient of batch-norm would vanish.
pub(crate) const COTANGENT: u64 = 0xC07A;

/// An operator under test.
pub(crate) trait Problem {
    /// Records the operator.
    fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var;

    /// Computes the operator's value in the plainest way.
    fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64>;

    /// The mode to test in.
    fn mode(&self) -> Mode {
        Mode::Training
    }
}

/// Value and gradients of all inputs.
pub(crate) struct Outcome<T> {
    pub value: Tensor<T>,
    pub gradients: Vec<Vec<T>>,
}

/// Runs a problem forwards and backwards, with the gradient `cotangent` of its value.
pub(crate) fn run<T: Element>(problem: &impl Problem, inputs: &[Tensor<T>], cotangent: Option<&[f64]>) -> Outcome<T> {
    let pool = Pool::new();
    // A used pool hands out leftovers, which must not show.
    for len in inputs.iter().map(Tensor::len).chain([1, 1000]) {
        drop((pool.filled(len, T::nan()), pool.filled(len, T::nan())));
    }
    let mut tape = Tape::new(&pool, problem.mode());
    let variables: Vec<Var> = inputs.iter().map(|input| tape.parameter(input)).collect();
    let y = problem.apply(&mut tape, &variables);
    let value = tape.to_tensor(y);
    let seeds = cotangent.map_or_else(|| uniform(value.len(), COTANGENT), <[f64]>::to_vec);
    let seeds = Tensor::new(value.shape(), seeds.into_iter().map(T::narrow).collect()).expect("one a value");
    let seeds = tape.input(seeds);
    let weighted = tape.mul(y, seeds);
    let loss = tape.sum(weighted);
    let gradients = tape.backward(loss);
    let gradients = variables
        .iter()
        .zip(inputs)
        .map(|(&variable, input)| gradients.get(variable).map_or_else(|| vec![T::zero(); input.len()], <[T]>::to_vec));
    Outcome { value, gradients: gradients.collect() }
}

/// Checks all of the above; see the module.
#[track_caller]
pub(crate) fn check(problem: &impl Problem, inputs: &[Tensor<f64>]) {
    let expected = problem.reference(inputs);
    let cotangent = uniform(expected.len(), COTANGENT);
    let exact = run(problem, inputs, Some(&cotangent));
    assert_eq!(exact.value.shape(), expected.shape());
    assert_close(exact.value.data(), expected.data(), 1e-11, 1e-12);

    for (index, input) in inputs.iter().enumerate() {
        let numeric = central_differences(input.data(), 1e-5, |moved| {
            let mut inputs = inputs.to_vec();
            inputs[index] = Tensor::new(input.shape(), moved.to_vec()).expect("the shape of the input");
            let pool = Pool::new();
            let mut tape = Tape::new(&pool, problem.mode());
            let variables: Vec<Var> = inputs.iter().map(|input| tape.constant(input)).collect();
            let y = problem.apply(&mut tape, &variables);
            tape.value(y).iter().zip(&cotangent).map(|(y, c)| y * c).sum()
        });
        assert_close(&exact.gradients[index], &numeric, 1e-6, 1e-7);
    }
    check_twin(problem, inputs);
}

/// Checks only that `f32` agrees with `f64`, for sizes at which finite differences would take too long.
#[track_caller]
pub(crate) fn check_twin(problem: &impl Problem, inputs: &[Tensor<f64>]) {
    let narrow = |input: &Tensor<f64>| {
        Tensor::new(input.shape(), input.data().iter().map(|&x| x as f32).collect()).expect("the same shape")
    };
    let widen = |input: &Tensor<f32>| {
        Tensor::new(input.shape(), input.data().iter().map(|&x| f64::from(x)).collect()).expect("the same shape")
    };
    let single: Vec<Tensor<f32>> = inputs.iter().map(narrow).collect();
    let double: Vec<Tensor<f64>> = single.iter().map(widen).collect();
    let (single, double) = (run(problem, &single, None), run(problem, &double, None));
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    // Errors grow with the terms of a sum, not with the sum: the largest value of the tensor is the measure, and where
    // all of a tensor cancels (it may have one element only), the largest of the run.
    let whole = double.gradients.iter().map(|gradient| largest(gradient)).fold(largest(double.value.data()), f64::max);
    let close = |single: &[f32], double: &[f64]| {
        assert_close(single, double, 1e-4, (2e-5 * largest(double)).max(1e-6 * whole).max(2e-8));
    };
    close(single.value.data(), double.value.data());
    for (single, double) in single.gradients.iter().zip(&double.gradients) {
        close(single, double);
    }
}

/// A tensor of numbers uniform in `[-1, 1)`.
pub(crate) fn tensor(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::new(shape, uniform(shape.iter().product(), seed)).expect("as many as the shape holds")
}

/// A tensor of numbers that keep their distance from each other and from zero.
pub(crate) fn distinct(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::new(shape, mixpress_testing::distinct(shape.iter().product(), seed)).expect("as many as the shape holds")
}

/// A problem made of one elementwise function.
pub(crate) fn elementwise(input: &Tensor<f64>, f: impl Fn(f64) -> f64) -> Tensor<f64> {
    Tensor::new(input.shape(), input.data().iter().map(|&x| f(x)).collect()).expect("the same shape")
}
