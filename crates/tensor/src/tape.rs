//! The tape: an explicit recording of one step, forwards by operators, then backwards once.

use std::fmt;

use crate::blocks::Blocks;
use crate::{Buffer, Element, Gradients, Pool, Tensor};

/// Whether operators that differ between the two (batch-norm, dropout) learn or predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Batch statistics, random dropout.
    Training,
    /// Given statistics, no dropout.
    Inference,
}

/// A value on a [`Tape`]. It means something only to the tape that made it and to that tape's [`Gradients`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub(crate) usize);

/// A recording of one step. Operators are its methods, each in its own file under `ops`.
///
/// An operator computes its value when it is recorded, out of buffers of the pool. Parameters and constants are borrowed.
/// Values of operators none of whose inputs is differentiated are not differentiated either, and cost nothing backwards.
///
/// # Panics
///
/// Operators panic when shapes do not fit, naming them: that is a mistake of the calling code, never of data.
pub struct Tape<'p, T = f32> {
    pool: &'p Pool<T>,
    mode: Mode,
    nodes: Blocks<Node<'p, T>>,
}

struct Node<'p, T> {
    shape: Vec<usize>,
    value: Value<'p, T>,
    differentiated: bool,
    /// Absent for leaves and for nodes that are not differentiated.
    operator: Option<Box<dyn Operator<T>>>,
}

enum Value<'p, T> {
    Borrowed(&'p [T]),
    Owned(Vec<T>),
    Pooled(Buffer<T>),
    /// The elements of an earlier node under another shape.
    Alias(Var),
}

/// What an operator leaves on the tape: how a gradient of its output becomes gradients of its inputs.
pub(crate) trait Operator<T: Element>: Send + Sync {
    /// Passes the gradient of the output on to those inputs that need one, by [`Backward::add`].
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>);
}

/// What an operator sees of the tape on the way back.
pub(crate) struct Backward<'a, 'p, T> {
    tape: &'a Tape<'p, T>,
    output: &'a Node<'p, T>,
    gradients: &'a mut Gradients<T>,
}

impl<'a, 'p, T: Element> Backward<'a, 'p, T> {
    /// The value of an input.
    pub fn value(&self, input: Var) -> &'a [T] {
        self.tape.value(input)
    }

    /// The shape of an input.
    pub fn shape(&self, input: Var) -> &'a [usize] {
        self.tape.shape(input)
    }

    /// The operator's own value.
    pub fn output(&self) -> &'a [T] {
        self.tape.resolve(&self.output.value)
    }

    /// The shape of the operator's own value.
    pub fn output_shape(&self) -> &'a [usize] {
        &self.output.shape
    }

    /// Whether anybody wants the gradient of an input.
    pub fn needs(&self, input: Var) -> bool {
        self.tape.differentiated(input)
    }

    /// The pool of the tape.
    pub fn pool(&self) -> &'p Pool<T> {
        self.tape.pool
    }

    /// A buffer with arbitrary contents.
    pub fn buffer(&self, len: usize) -> Buffer<T> {
        self.tape.pool.take(len)
    }

    /// Adds to the gradient of an input; dropped at once where nobody wants it.
    pub fn add(&mut self, input: Var, gradient: Buffer<T>) {
        debug_assert_eq!(gradient.len(), self.value(input).len(), "a gradient has the size of its value");
        if self.needs(input) {
            self.gradients.add(input, gradient);
        }
    }
}

impl<'p, T: Element> Tape<'p, T> {
    /// An empty tape that takes its buffers from `pool`.
    #[must_use]
    pub fn new(pool: &'p Pool<T>, mode: Mode) -> Self {
        Self { pool, mode, nodes: Blocks::new() }
    }

    /// Whether this step learns or predicts.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// A borrowed tensor that is not differentiated.
    pub fn constant(&mut self, tensor: &'p Tensor<T>) -> Var {
        self.leaf(tensor.shape(), Value::Borrowed(tensor.data()), false)
    }

    /// A borrowed tensor whose gradient [`Tape::backward`] returns.
    pub fn parameter(&mut self, tensor: &'p Tensor<T>) -> Var {
        self.leaf(tensor.shape(), Value::Borrowed(tensor.data()), true)
    }

    /// An owned tensor that is not differentiated.
    pub fn input(&mut self, tensor: Tensor<T>) -> Var {
        let shape = tensor.shape().to_vec();
        self.leaf(&shape, Value::Owned(tensor.into_data()), false)
    }

    /// The elements of a value, row-major.
    #[must_use]
    pub fn value(&self, variable: Var) -> &[T] {
        self.resolve(&self.nodes[variable.0].value)
    }

    /// The shape of a value.
    #[must_use]
    pub fn shape(&self, variable: Var) -> &[usize] {
        &self.nodes[variable.0].shape
    }

    /// A copy of a value as a tensor that outlives the tape.
    #[must_use]
    #[allow(clippy::missing_panics_doc)] // It cannot.
    pub fn to_tensor(&self, variable: Var) -> Tensor<T> {
        Tensor::new(self.shape(variable), self.value(variable).to_vec()).expect("a value has the size of its shape")
    }

    /// Whether the gradient of a value is wanted: it is a parameter, or depends on one.
    #[must_use]
    pub fn differentiated(&self, variable: Var) -> bool {
        self.nodes[variable.0].differentiated
    }

    /// The gradients of a scalar with respect to every parameter on the tape.
    ///
    /// The tape is consumed from its end; each value is freed as soon as no operator before it needs it.
    ///
    /// # Panics
    ///
    /// When `loss` has more or fewer than one element.
    #[must_use]
    #[track_caller]
    pub fn backward(mut self, loss: Var) -> Gradients<T> {
        assert_eq!(self.value(loss).len(), 1, "the loss must be a scalar, but has shape {:?}", self.shape(loss));
        let mut gradients = Gradients::with_capacity(self.nodes.len());
        if self.differentiated(loss) {
            gradients.add(loss, self.pool.filled(1, T::one()));
        }
        while let Some(mut node) = self.nodes.pop() {
            let Some(operator) = node.operator.take() else { continue };
            let Some(gradient) = gradients.take(Var(self.nodes.len())) else { continue };
            let mut context = Backward { tape: &self, output: &node, gradients: &mut gradients };
            operator.backward(&mut context, gradient);
        }
        gradients
    }

    /// A buffer of the pool with arbitrary contents.
    pub(crate) fn buffer(&self, len: usize) -> Buffer<T> {
        self.pool.take(len)
    }

    /// The pool of the tape.
    pub(crate) fn pool(&self) -> &'p Pool<T> {
        self.pool
    }

    /// Records the value of an operator and, where one of its inputs is differentiated, its way back.
    pub(crate) fn record(
        &mut self,
        shape: &[usize],
        value: Buffer<T>,
        inputs: &[Var],
        operator: impl Operator<T> + 'static,
    ) -> Var {
        debug_assert_eq!(shape.iter().product::<usize>(), value.len(), "a value has the size of its shape");
        self.push(shape, Value::Pooled(value), inputs, operator)
    }

    /// Records an operator that only looks at the elements of `input` under another shape.
    pub(crate) fn record_alias(&mut self, shape: &[usize], input: Var, operator: impl Operator<T> + 'static) -> Var {
        self.push(shape, Value::Alias(input), &[input], operator)
    }

    fn push(
        &mut self,
        shape: &[usize],
        value: Value<'p, T>,
        inputs: &[Var],
        operator: impl Operator<T> + 'static,
    ) -> Var {
        let differentiated = inputs.iter().any(|&input| self.differentiated(input));
        let operator: Option<Box<dyn Operator<T>>> = if differentiated { Some(Box::new(operator)) } else { None };
        self.nodes.push(Node { shape: shape.to_vec(), value, differentiated, operator });
        Var(self.nodes.len() - 1)
    }

    fn leaf(&mut self, shape: &[usize], value: Value<'p, T>, differentiated: bool) -> Var {
        self.nodes.push(Node { shape: shape.to_vec(), value, differentiated, operator: None });
        Var(self.nodes.len() - 1)
    }

    fn resolve<'a>(&'a self, value: &'a Value<'p, T>) -> &'a [T] {
        match value {
            Value::Borrowed(data) => data,
            Value::Owned(data) => data,
            Value::Pooled(data) => data,
            Value::Alias(variable) => self.value(*variable),
        }
    }
}

impl<T: Element> fmt::Debug for Tape<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|node| &node.shape)).finish()
    }
}
