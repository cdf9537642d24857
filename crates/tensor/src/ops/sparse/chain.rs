//! The layers of a chain, with all that is known before the first number: sizes, and where each value stands.
//!
//! A block's *record* holds the cells of its input and of each stage's output, one after the other, and after an output of
//! max-pooling which pixels won. A `ReLU` works in place, since no stage needs its own output on the way back.

use std::ops::Range;
use std::sync::Arc;

use mixpress_simd::vectorized_narrow;

use super::conv2d::Geometry;
use super::lanes::Cell;
use super::pool::Windows;
use super::{SparseLayer, SparsePattern, linear};
use crate::tape::Backward;
use crate::{Element, Tape, Var};

/// From this many products and values on, blocks are worth a second thread.
const PARALLEL: usize = 1 << 17;

/// A layer, or a convolution with the pooling after it.
struct Stage {
    kind: Kind,
    /// Cells of the record that hold its input and its output.
    input: Range<usize>,
    output: Range<usize>,
    /// Which pixels won, after the output.
    which: usize,
}

enum Kind {
    Linear(Weights),
    Conv2d(Weights, Geometry),
    MaxPool(Windows),
    Relu,
}

/// The weights of a stage, and where they stand among those of all stages.
struct Weights {
    weight: Var,
    bias: Option<Var>,
    pattern: Arc<SparsePattern>,
    /// Among the kept values of all stages.
    values: Range<usize>,
    /// Among the sums of a block: gradients of kept weights, then of biases.
    sums: Range<usize>,
}

/// See the module.
pub(super) struct Chain {
    stages: Vec<Stage>,
    input_len: usize,
    output_shape: Vec<usize>,
    record_len: usize,
    values_len: usize,
    sums_len: usize,
    /// Cells of the largest plane before pooling.
    plane_len: usize,
    /// Cells of the largest value between stages.
    widest: usize,
    /// Products and values of one image.
    work: usize,
}

/// What is differentiated.
pub(super) struct Needs {
    pub input: bool,
    /// Weight and bias, a stage each.
    weights: Vec<[bool; 2]>,
    /// The first stage that is run backwards.
    first: usize,
}

impl Chain {
    /// Checks the shapes of a chain on `x` and lays out its values.
    #[track_caller]
    pub fn new<T: Element>(tape: &Tape<'_, T>, x: Var, layers: &[SparseLayer]) -> Self {
        let [_, shape @ ..] = tape.shape(x) else { panic!("a sparse chain on a scalar") };
        let input_len: usize = shape.iter().product();
        assert!(input_len > 0, "a sparse chain on samples of shape {shape:?}");
        let mut chain = Self {
            stages: Vec::with_capacity(layers.len()),
            input_len,
            output_shape: shape.to_vec(),
            record_len: input_len,
            values_len: 0,
            sums_len: 0,
            plane_len: 0,
            widest: input_len,
            work: input_len,
        };
        let mut at = 0;
        while at < layers.len() {
            let pooled = match &layers[at..] {
                [SparseLayer::Conv2d { .. }, SparseLayer::MaxPool(pool), ..] => Some((*pool, false)),
                // The maximum of what is cut off at zero is the maximum, cut off at zero.
                [SparseLayer::Conv2d { .. }, SparseLayer::Relu, SparseLayer::MaxPool(pool), ..] => Some((*pool, true)),
                _ => None,
            };
            chain.push(tape, &layers[at], pooled.map(|(pool, _)| pool));
            at += match pooled {
                Some((_, true)) => {
                    chain.push(tape, &SparseLayer::Relu, None);
                    3
                }
                Some((_, false)) => 2,
                None => 1,
            };
        }
        chain
    }

    #[track_caller]
    fn push<T: Element>(&mut self, tape: &Tape<'_, T>, layer: &SparseLayer, pool: Option<crate::Pool2d>) {
        let input = self.output();
        let planes = |shape: &[usize]| match *shape {
            [channels, height, width] => (channels, [height, width]),
            _ => panic!("a sparse chain has values of shape {shape:?} where it needs planes"),
        };
        let windows = |pool: crate::Pool2d, image| match pool.output(image) {
            Some(result) => Windows { pool, image, result },
            None => panic!("{pool:?} does not fit on planes of shape {image:?}"),
        };
        let (kind, shape, which) = match layer {
            SparseLayer::Flatten => {
                self.output_shape = vec![input.len()];
                return;
            }
            SparseLayer::Relu => (Kind::Relu, self.output_shape.clone(), 0),
            SparseLayer::Linear { weight, bias, pattern } => {
                let outputs = pattern.rows();
                assert_eq!(pattern.shape(), [outputs, input.len()], "a pattern on {} features", input.len());
                self.work += pattern.len();
                (Kind::Linear(self.weights(tape, *weight, *bias, pattern)), vec![outputs], 0)
            }
            SparseLayer::Conv2d { weight, bias, pattern, options } => {
                let (channels, image) = planes(&self.output_shape);
                let &[filters, group_channels, height, width] = pattern.shape() else {
                    panic!("a convolution with a pattern of shape {:?}", pattern.shape())
                };
                let fits = group_channels * options.groups == channels && filters % options.groups.max(1) == 0;
                let result = options.output(image, [height, width]).filter(|_| fits);
                let Some(result) = result else {
                    panic!("{options:?} with weights {:?} on shape {:?}", pattern.shape(), self.output_shape)
                };
                let windows = pool.map(|pool| windows(pool, result));
                let geometry = Geometry { channels, image, filters, result, options: *options, windows };
                self.work += pattern.len() * geometry.plane_len() + filters * geometry.plane_len();
                let pooled = windows.map_or(result, |windows| windows.result);
                let which = if windows.is_some() {
                    self.plane_len = self.plane_len.max(geometry.plane_len());
                    filters * geometry.output_len()
                } else {
                    0
                };
                let weights = self.weights(tape, *weight, *bias, pattern);
                (Kind::Conv2d(weights, geometry), vec![filters, pooled[0], pooled[1]], which)
            }
            SparseLayer::MaxPool(pool) => {
                let (channels, image) = planes(&self.output_shape);
                let windows = windows(*pool, image);
                self.work += input.len();
                let shape = vec![channels, windows.result[0], windows.result[1]];
                (Kind::MaxPool(windows), shape, channels * windows.len())
            }
        };
        let output = if matches!(kind, Kind::Relu) {
            input.clone()
        } else {
            let output = self.record_len..self.record_len + shape.iter().product::<usize>();
            assert!(!output.is_empty(), "a sparse chain with a value of shape {shape:?}");
            self.record_len = output.end + which;
            output
        };
        self.widest = self.widest.max(output.len());
        self.output_shape = shape;
        self.stages.push(Stage { kind, input, output, which });
    }

    #[track_caller]
    fn weights<T: Element>(
        &mut self,
        tape: &Tape<'_, T>,
        weight: Var,
        bias: Option<Var>,
        pattern: &Arc<SparsePattern>,
    ) -> Weights {
        let shape = tape.shape(weight);
        assert_eq!(shape, pattern.shape(), "a pattern of another shape than its weight's");
        let biases = bias.map_or(0, |bias| {
            assert_eq!(tape.shape(bias), [pattern.rows()], "bias for weights {shape:?}");
            pattern.rows()
        });
        let values = self.values_len..self.values_len + pattern.len();
        let sums = self.sums_len..self.sums_len + pattern.len() + biases;
        (self.values_len, self.sums_len) = (values.end, sums.end);
        Weights { weight, bias, pattern: Arc::clone(pattern), values, sums }
    }

    /// Features of a sample.
    pub fn input_len(&self) -> usize {
        self.input_len
    }

    /// Shape of the value of one sample.
    pub fn output_shape(&self) -> &[usize] {
        &self.output_shape
    }

    /// Elements of the value of one sample.
    pub fn output_len(&self) -> usize {
        self.output().len()
    }

    /// Cells of the record that hold the last value.
    pub fn output(&self) -> Range<usize> {
        self.stages.last().map_or(0..self.input_len, |stage| stage.output.clone())
    }

    /// Cells of a block's record.
    pub fn record_len(&self) -> usize {
        self.record_len
    }

    /// Cells of the scratch plane.
    pub fn plane_len(&self) -> usize {
        self.plane_len
    }

    /// Cells of the largest value between stages.
    pub fn widest(&self) -> usize {
        self.widest
    }

    /// Kept weights of all stages.
    pub fn values_len(&self) -> usize {
        self.values_len
    }

    /// Kept weights and biases of all stages.
    pub fn sums_len(&self) -> usize {
        self.sums_len
    }

    /// Whether a batch is worth a second thread.
    pub fn is_parallel(&self, images: usize) -> bool {
        images * self.work >= PARALLEL
    }

    /// All weights and biases.
    pub fn inputs(&self) -> Vec<Var> {
        let weights = self.stages.iter().filter_map(Stage::weights);
        weights.flat_map(|weights| std::iter::once(weights.weight).chain(weights.bias)).collect()
    }

    /// Copies the kept weights out of the whole ones.
    pub fn gather_values<'a, T: Element>(&self, values: &mut [T], value: impl Fn(Var) -> &'a [T]) {
        for weights in self.stages.iter().filter_map(Stage::weights) {
            let from = value(weights.weight);
            for (value, &position) in values[weights.values.clone()].iter_mut().zip(weights.pattern.positions()) {
                *value = from[position];
            }
        }
    }

    /// Fills the record of a block whose input is in it.
    pub fn forward<'a, T: Element>(
        &self,
        value: impl Fn(Var) -> &'a [T],
        values: &[T],
        record: &mut [Cell<T>],
        plane: &mut [Cell<T>],
    ) {
        for stage in &self.stages {
            let (before, after) = record.split_at_mut(stage.output.start);
            let (y, rest) = after.split_at_mut(stage.output.len());
            let which = &mut rest[..stage.which];
            let x = before.get(stage.input.clone()).unwrap_or_default();
            match &stage.kind {
                Kind::Linear(weights) => {
                    let bias = weights.bias.map(&value);
                    linear::forward(&weights.pattern, &values[weights.values.clone()], bias, x, y);
                }
                Kind::Conv2d(weights, geometry) => {
                    let bias = weights.bias.map(&value);
                    let values = &values[weights.values.clone()];
                    geometry.forward(&weights.pattern, (values, bias), x, (y, which), plane);
                }
                Kind::MaxPool(windows) => {
                    let planes = x.chunks_exact(windows.plane_len());
                    let results = y.chunks_exact_mut(windows.len()).zip(which.chunks_exact_mut(windows.len()));
                    for (plane, (y, which)) in planes.zip(results) {
                        vectorized_narrow(
                            #[inline(always)]
                            || windows.forward(plane, y, which),
                        );
                    }
                }
                Kind::Relu => vectorized_narrow(
                    #[inline(always)]
                    || {
                        for y in y.as_flattened_mut() {
                            *y = if *y < T::zero() { T::zero() } else { *y };
                        }
                    },
                ),
            }
        }
    }

    /// What of the chain is differentiated.
    pub fn needs<T: Element>(&self, context: &Backward<'_, '_, T>, x: Var) -> Needs {
        let input = context.needs(x);
        let weights = self.stages.iter().map(|stage| {
            let vars = stage.weights().map(|weights| [Some(weights.weight), weights.bias]);
            vars.unwrap_or_default().map(|var| var.is_some_and(|var| context.needs(var)))
        });
        let weights: Vec<[bool; 2]> = weights.collect();
        let first = weights.iter().position(|needs| needs.contains(&true)).unwrap_or(self.stages.len());
        Needs { input, weights, first: if input { 0 } else { first } }
    }

    /// Runs a block backwards. `dy` holds the gradient of the output; returns the cells that hold the gradient of the first
    /// stage's input, where it is needed.
    pub fn backward<'a, T: Element>(
        &self,
        needs: &Needs,
        values: &[T],
        record: &[Cell<T>],
        sums: &mut [T],
        [mut dy, mut spare]: [&'a mut [Cell<T>]; 2],
        plane: &mut [Cell<T>],
    ) -> &'a mut [Cell<T>] {
        sums.fill(T::zero());
        for (index, stage) in self.stages.iter().enumerate().skip(needs.first).rev() {
            let (x, y_len) = (&record[stage.input.clone()], stage.output.len());
            let which = &record[stage.output.end..][..stage.which];
            let needs_dx = needs.input || index > needs.first;
            let dx = &mut spare[..x.len()];
            match &stage.kind {
                Kind::Relu => {
                    let y = &record[stage.output.clone()];
                    vectorized_narrow(
                        #[inline(always)]
                        || {
                            for (dy, &y) in dy[..y_len].as_flattened_mut().iter_mut().zip(y.as_flattened()) {
                                *dy = if y > T::zero() { *dy } else { T::zero() };
                            }
                        },
                    );
                    continue;
                }
                Kind::MaxPool(windows) => {
                    let results = dy[..y_len].chunks_exact(windows.len()).zip(which.chunks_exact(windows.len()));
                    for ((dy, which), dx) in results.zip(dx.chunks_exact_mut(windows.plane_len())) {
                        vectorized_narrow(
                            #[inline(always)]
                            || windows.backward(which, dy, dx),
                        );
                    }
                }
                Kind::Linear(weights) => {
                    let (dw, db) = sums[weights.sums.clone()].split_at_mut(weights.pattern.len());
                    if needs.weights[index][0] {
                        linear::weight_gradient(&weights.pattern, x, &dy[..y_len], dw);
                    }
                    if needs.weights[index][1] {
                        linear::bias_gradient(1, &dy[..y_len], db);
                    }
                    if needs_dx {
                        linear::input_gradient(&weights.pattern, &values[weights.values.clone()], &dy[..y_len], dx);
                    }
                }
                Kind::Conv2d(weights, geometry) => {
                    let (dw, db) = sums[weights.sums.clone()].split_at_mut(weights.pattern.len());
                    if needs.weights[index][1] {
                        // Pooling hands each gradient on to exactly one pixel.
                        linear::bias_gradient(geometry.output_len(), &dy[..y_len], db);
                    }
                    let outputs = (needs.weights[index][0].then_some(dw), needs_dx.then_some(dx));
                    let values = &values[weights.values.clone()];
                    geometry.backward(&weights.pattern, values, x, (which, &dy[..y_len]), outputs, plane);
                }
            }
            std::mem::swap(&mut dy, &mut spare);
        }
        dy
    }

    /// Hands the sums over all blocks on to weights and biases.
    pub fn add_gradients<T: Element>(&self, context: &mut Backward<'_, '_, T>, needs: &Needs, sums: &[T]) {
        for (stage, &[needs_weight, needs_bias]) in self.stages.iter().zip(&needs.weights) {
            let Some(weights) = stage.weights() else { continue };
            let (of_weights, of_biases) = sums[weights.sums.clone()].split_at(weights.pattern.len());
            if needs_weight {
                let mut dw = context.buffer(context.value(weights.weight).len());
                dw.fill(T::zero());
                for (&position, &sum) in weights.pattern.positions().iter().zip(of_weights) {
                    dw[position] = sum;
                }
                context.add(weights.weight, dw);
            }
            if let Some(bias) = weights.bias.filter(|_| needs_bias) {
                let mut db = context.buffer(of_biases.len());
                db.copy_from_slice(of_biases);
                context.add(bias, db);
            }
        }
    }
}

impl Stage {
    fn weights(&self) -> Option<&Weights> {
        match &self.kind {
            Kind::Linear(weights) | Kind::Conv2d(weights, _) => Some(weights),
            Kind::MaxPool(_) | Kind::Relu => None,
        }
    }
}
