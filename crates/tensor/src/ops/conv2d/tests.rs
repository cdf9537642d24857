//! Convolution against seven nested loops.

use super::*;
use crate::Tensor;
use crate::problem::{Problem, check, check_twin, tensor};
use mixpress_testing::strategies::cases;
use proptest::prelude::*;

struct Convolution(Conv2d);

impl Problem for Convolution {
    fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
        tape.conv2d(inputs[0], inputs[1], inputs.get(2).copied(), self.0)
    }

    fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
        let (x, w) = (inputs[0].view(), inputs[1].view());
        let Conv2d { stride, padding, groups } = self.0;
        let (&[n, _, height, width], &[o, c, kh, kw]) = (x.shape(), w.shape()) else { panic!("rank 4") };
        let [oh, ow] = self.0.output([height, width], [kh, kw]).unwrap();
        let mut y = Vec::new();
        for image in 0..n {
            for filter in 0..o {
                let first_channel = filter / (o / groups) * c;
                for oy in 0..oh {
                    for ox in 0..ow {
                        let mut sum = inputs.get(2).map_or(0.0, |bias| bias.data()[filter]);
                        for tap in 0..c * kh * kw {
                            let (channel, i, j) = (tap / (kh * kw), tap / kw % kh, tap % kw);
                            let (row, column) = (oy * stride[0] + i, ox * stride[1] + j);
                            let inside = (padding[0]..height + padding[0]).contains(&row)
                                && (padding[1]..width + padding[1]).contains(&column);
                            if inside {
                                let pixel = x[[image, first_channel + channel, row - padding[0], column - padding[1]]];
                                sum += pixel * w[[filter, channel, i, j]];
                            }
                        }
                        y.push(sum);
                    }
                }
            }
        }
        Tensor::new(&[n, o, oh, ow], y).unwrap()
    }
}

fn inputs(x: [usize; 4], w: [usize; 4], bias: bool, seed: u64) -> Vec<Tensor<f64>> {
    let mut inputs = vec![tensor(&x, seed), tensor(&w, seed ^ 1)];
    if bias {
        inputs.push(tensor(&w[..1], seed ^ 2));
    }
    inputs
}

prop_compose! {
    fn problems()(
        n in 0_usize..4,
        groups in 1_usize..4,
        channels in 1_usize..3,
        filters in 1_usize..3,
        kernel in [1_usize..4, 1_usize..4],
        stride in [1_usize..4, 1_usize..4],
        padding in [0_usize..3, 0_usize..3],
        extra in [0_usize..5, 0_usize..5],
        bias: bool,
        seed: u64,
    ) -> (Conv2d, Vec<Tensor<f64>>) {
        let size = |d: usize| (kernel[d] + extra[d]).saturating_sub(2 * padding[d]).max(1);
        let x = [n, groups * channels, size(0), size(1)];
        let w = [groups * filters, channels, kernel[0], kernel[1]];
        (Conv2d { stride, padding, groups }, inputs(x, w, bias, seed))
    }
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn conv2d_is_right((options, inputs) in problems()) {
        check(&Convolution(options), &inputs);
    }

    #[test]
    fn plain_convolution_is_right(n in 1_usize..3, c in 1_usize..3, o in 1_usize..4, extra in 0_usize..9, seed: u64) {
        check(&Convolution(Conv2d::default()), &inputs([n, c, 3, 2 + extra], [o, c, 3, 2], true, seed));
    }
}

#[test]
fn large_convolutions_are_right() {
    let plain = Convolution(Conv2d::default());
    check_twin(&plain, &inputs([19, 1, 28, 28], [20, 1, 5, 5], true, 1));
    check_twin(&plain, &inputs([17, 20, 12, 12], [50, 20, 5, 5], true, 2));
    check_twin(&plain, &inputs([5, 40, 9, 9], [24, 40, 1, 1], false, 3));
    let strided = Convolution(Conv2d { stride: [2; 2], padding: [1; 2], groups: 2 });
    check_twin(&strided, &inputs([9, 16, 16, 17], [32, 8, 3, 3], true, 4));
    let same = Convolution(Conv2d { padding: [1; 2], ..Conv2d::default() });
    check_twin(&same, &inputs([33, 16, 32, 32], [16, 16, 3, 3], false, 5));
}

#[test]
#[should_panic(expected = "convolution of shape [1, 3, 4, 4] with weights [2, 2, 3, 3] in 1 groups")]
fn channels_that_do_not_fit_are_named() {
    check_twin(&Convolution(Conv2d::default()), &inputs([1, 3, 4, 4], [2, 2, 3, 3], false, 1));
}

#[test]
#[should_panic(expected = "does not fit on shape [1, 1, 2, 2]")]
fn a_kernel_that_does_not_fit_is_named() {
    check_twin(&Convolution(Conv2d::default()), &inputs([1, 1, 2, 2], [1, 1, 3, 3], false, 1));
}

#[test]
#[should_panic(expected = "convolution of shape [1, 0, 4, 4] with weights [2, 0, 3, 3] in 1 groups")]
fn no_channels_are_named() {
    check_twin(&Convolution(Conv2d::default()), &inputs([1, 0, 4, 4], [2, 0, 3, 3], false, 1));
}
