//! A model that is ready to run.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use mixpress_interchange::self_contained;
use rten::{LoadError, Model, NodeId, RunError, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::{AsView, Layout};

use crate::guard::guarded;
use crate::samples::Samples;
use crate::{Array, Dimension, Element, Error, Outputs, ValueInfo, Values};

/// An ONNX model in memory, with what it takes and returns.
///
/// It runs on one thread. rten splits work by the number of threads of its pool, and results follow: its product of a
/// vector and a matrix (`gemv` in rten-gemm 0.27) cuts the columns into as many blocks as there are threads. Columns
/// that fill a tile of their block are summed by vector instructions with fused products, those left over one by one
/// without, so a column's last bit depends on where its block ends. The other kernels that use threads do not have this:
/// matrix products cut columns at multiples of their tile and never cut a sum, and normalisation, pooling, recurrent
/// layers and attention give each thread whole rows. Constants are folded when a model is loaded, on threads that rten
/// does not let others choose; there the number of cores matters, or `RTEN_NUM_THREADS`, where a model multiplies a
/// constant vector with a constant matrix.
///
/// What a run may take in memory and time, the model decides. An operator that draws random numbers draws others each
/// run.
pub struct Runner {
    model: Model,
    options: RunOptions,
    pool: Arc<ThreadPool>,
    inputs: Vec<(NodeId, ValueInfo)>,
    outputs: Vec<(NodeId, ValueInfo)>,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("inputs", &self.inputs).field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

impl Runner {
    /// Loads an ONNX model. Files with its weights are looked for in its folder, as
    /// [`Model::open`](mixpress_interchange::Model::open) does.
    ///
    /// `bf16`, which rten does not have, is raised to `f32`; half and double precision it turns into `f32` itself, and
    /// whole numbers of 64 bits into those of 32.
    ///
    /// # Errors
    /// [`Error::Model`] for a file that is no sound ONNX model; [`Error::Load`] where the runtime cannot do it, with the
    /// node that it fails at; [`Error::Panic`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = match self_contained(path)? {
            Some(bytes) => Some(bytes),
            // rten takes a file by the ending of its name, and reads it in parts.
            None if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) => None,
            None => Some(fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?),
        };
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        let load = || bytes.map_or_else(|| Model::load_file(path), Model::load);
        let loaded = guarded(&pool, || format!("load {}", path.display()), load)?;
        let model = loaded.map_err(|error| load_error(path, &error))?;
        let infos = |ids: &[NodeId]| ids.iter().map(|&id| (id, info(&model, id))).collect();
        let (inputs, outputs) = (infos(model.input_ids()), infos(model.output_ids()));
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&pool)));
        Ok(Self { model, options, pool, inputs, outputs })
    }

    /// What the model takes, in its order. Values that it has defaults for are not among them.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = &ValueInfo> {
        self.inputs.iter().map(|(_, info)| info)
    }

    /// What the model returns, in its order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = &ValueInfo> {
        self.outputs.iter().map(|(_, info)| info)
    }

    /// Runs the model on all samples. No run knows of another.
    ///
    /// # Errors
    /// [`Error::Run`] with the node that fails; [`Error::Panic`]; [`Error::OutputKind`] for outputs that are no tensors;
    /// [`Error::MissingInputs`] and [`Error::UnknownInput`] where the samples are those of a model with other inputs.
    pub fn run(&self, samples: &Samples) -> Result<Outputs, Error> {
        self.run_with(samples, &mut |_| true)
    }

    /// As [`run`](Self::run), and asks before each run, by its number, whether to go on.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`Error::Stopped`].
    pub fn run_with(&self, samples: &Samples, go_on: &mut dyn FnMut(usize) -> bool) -> Result<Outputs, Error> {
        let ids = samples.ids(self.inputs.iter().map(|(id, info)| (*id, info)))?;
        let mut runs = Vec::new();
        for run in 0..samples.runs() {
            if !go_on(run) {
                return Err(Error::Stopped { done: run, runs: samples.runs() });
            }
            runs.push(self.one(run, samples.of(run, &ids)?)?);
        }
        let names = self.outputs.iter().map(|(_, info)| info.name.clone());
        Ok(Outputs::new(names.collect(), runs, samples.is_stacked()))
    }

    fn one(&self, run: usize, inputs: Vec<(NodeId, ValueOrView)>) -> Result<Vec<Array>, Error> {
        let ids: Vec<NodeId> = self.outputs.iter().map(|(id, _)| *id).collect();
        let call = || self.model.run(inputs, &ids, Some(self.options.clone()));
        let values = guarded(&self.pool, || format!("do run {run}"), call)?.map_err(|error| run_error(run, &error))?;
        let named = values.into_iter().zip(&self.outputs);
        named.map(|(value, (_, info))| array(value, &info.name)).collect()
    }
}

/// What the model says of a value.
fn info(model: &Model, id: NodeId) -> ValueInfo {
    let node = model.node_info(id);
    let name = node.as_ref().and_then(rten::NodeInfo::name).unwrap_or_default().to_owned();
    let element = node.as_ref().and_then(rten::NodeInfo::dtype).and_then(|kind| match kind {
        rten::ValueType::Tensor(rten::DataType::Float) => Some(Element::F32),
        rten::ValueType::Tensor(rten::DataType::Int32) => Some(Element::I32),
        rten::ValueType::Tensor(rten::DataType::Int8) => Some(Element::I8),
        rten::ValueType::Tensor(rten::DataType::UInt8) => Some(Element::U8),
        _ => None,
    });
    let dimension = |dimension| match dimension {
        rten::Dimension::Fixed(length) => Dimension::Fixed(length),
        rten::Dimension::Symbolic(name) => Dimension::Free(name),
    };
    let shape = node.as_ref().and_then(rten::NodeInfo::shape).map(|shape| shape.into_iter().map(dimension).collect());
    ValueInfo { name, element, shape }
}

/// An output as an array.
fn array(value: Value, output: &str) -> Result<Array, Error> {
    let (shape, values) = match value {
        Value::FloatTensor(tensor) => (tensor.shape().to_vec(), Values::F32(tensor.into_data())),
        Value::Int32Tensor(tensor) => (tensor.shape().to_vec(), Values::I32(tensor.into_data())),
        Value::Int8Tensor(tensor) => (tensor.shape().to_vec(), Values::I32(tensor.iter().map(|&v| v.into()).collect())),
        Value::UInt8Tensor(tensor) => {
            (tensor.shape().to_vec(), Values::I32(tensor.iter().map(|&v| v.into()).collect()))
        }
        other => return Err(Error::OutputKind { output: output.into(), kind: other.dtype().to_string() }),
    };
    Ok(Array::new(shape, values)?)
}

fn load_error(path: &Path, error: &LoadError) -> Error {
    let node = error.node().filter(|node| !node.is_empty()).map(str::to_owned);
    // The message begins with the node that stands before it here.
    let reason = error.to_string();
    let prefix = error.node().map(|node| format!("in node \"{node}\": "));
    let reason = prefix.and_then(|prefix| reason.strip_prefix(&prefix).map(str::to_owned)).unwrap_or(reason);
    Error::Load { path: path.into(), node, reason }
}

fn run_error(run: usize, error: &RunError) -> Error {
    let path: Vec<&str> = error.node_path().into_iter().flatten().filter(|name| !name.is_empty()).collect();
    let node = if path.is_empty() { None } else { Some(path.join("/")) };
    Error::Run { run, node, reason: error.to_string() }
}
