//! The network in training: its live part, how that lies in the full network, and the optimiser's memory of it.

use mixpress_network::{Graph, Network, Parameters, RunningStatistics, SparsePlan, UnitMap, shrink};
use mixpress_tensor::{SparsePattern, Tensor};

use crate::Error;
use crate::checkpoint::Snapshot;
use crate::config::Coverage;
use crate::optim::{Adam, AdamConfig};
use crate::phase::{CoveredLayer, covered_layers};

/// A network that learns. Dead units can be removed from it, and are put back as zeros when full shapes are wanted.
#[derive(Clone, Debug)]
pub struct Trainee {
    map: UnitMap,
    parameters: Parameters,
    covers: Coverage,
    optimizers: Vec<Adam>,
    /// What runs on kept weights alone; a function of the rest, made anew where that changes.
    plan: Option<SparsePlan>,
}

impl Trainee {
    /// A network before its first step, and what of it the prior covers.
    #[must_use]
    pub fn new(network: Network, covers: Coverage) -> Self {
        let (graph, parameters) = network.into_parts();
        let optimizers = fresh_optimizers(&parameters);
        Self { map: UnitMap::whole(&graph), parameters, covers, optimizers, plan: None }
    }

    /// The graph of the live part.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        self.map.graph()
    }

    /// What of the network the prior covers.
    #[must_use]
    pub fn covers(&self) -> Coverage {
        self.covers
    }

    /// The layers of the live part that the prior covers.
    #[must_use]
    pub fn covered(&self) -> Vec<CoveredLayer> {
        covered_layers(self.map.graph(), self.covers)
    }

    /// The parameters of the live part.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The parameters of the live part, to be changed in place.
    pub fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// The network at full shape: what was removed is zero.
    #[must_use]
    pub fn full_parameters(&self) -> Parameters {
        self.map.restore(&self.parameters)
    }

    /// Lets every optimiser start anew, as each phase does.
    pub fn forget_moments(&mut self) {
        self.optimizers = fresh_optimizers(&self.parameters);
    }

    /// What of the network runs on kept weights alone.
    #[must_use]
    pub fn plan(&self) -> Option<&SparsePlan> {
        self.plan.as_ref()
    }

    /// Positions of a parameter's weights that are kept, where it belongs to what runs on those alone.
    #[must_use]
    pub fn kept(&self, parameter: usize) -> Option<&[usize]> {
        self.plan.as_ref()?.pattern(parameter).map(SparsePattern::positions)
    }

    /// [`Self::kept`], and the values of the same parameter to be changed in place.
    pub(crate) fn kept_and_weights_mut(&mut self, parameter: usize) -> (Option<&[usize]>, &mut [f32]) {
        let pattern = self.plan.as_ref().and_then(|plan| plan.pattern(parameter));
        (pattern.map(SparsePattern::positions), self.parameters[parameter].data_mut())
    }

    /// Plans anew for weights whose exact zeros are pruned for good, as [`Self::learn_unpruned`] takes them.
    ///
    /// A weight that an optimiser has moved counts as kept even if it is zero at the moment. So the plan changes when
    /// weights are pruned and at no other time, and a restored network has the plan that it had when it was saved.
    pub fn plan_unpruned(&mut self) {
        let (parameters, optimizers) = (&self.parameters, &self.optimizers);
        self.plan = SparsePlan::new(self.map.graph(), |parameter, at| {
            let adam = &optimizers[parameter];
            parameters[parameter].data()[at] != 0.0 || adam.mean()[at] != 0.0 || adam.square()[at] != 0.0
        });
    }

    /// Plans anew for weights of which `is_kept(parameter, position)` says whether they are kept: the others are zero
    /// and stay so.
    pub fn plan_kept(&mut self, is_kept: impl Fn(usize, usize) -> bool) {
        self.plan = SparsePlan::new(self.map.graph(), is_kept);
    }

    /// One step of a parameter against its gradient.
    pub fn learn(&mut self, parameter: usize, rate: f32, gradient: &[f32]) {
        self.optimizers[parameter].step(rate, self.parameters[parameter].data_mut(), gradient);
    }

    /// One step of a parameter whose exact zeros are pruned weights, which stay zero. Their entries of `gradient` are
    /// overwritten.
    pub fn learn_unpruned(&mut self, parameter: usize, rate: f32, gradient: &mut [f32]) {
        let weights = self.parameters[parameter].data_mut();
        if let Some(pattern) = self.plan.as_ref().and_then(|plan| plan.pattern(parameter)) {
            for &at in pattern.positions() {
                gradient[at] = if weights[at] == 0.0 { 0.0 } else { gradient[at] };
            }
            return self.optimizers[parameter].step_at(pattern.positions(), rate, weights, gradient);
        }
        for (gradient, &weight) in gradient.iter_mut().zip(&*weights) {
            *gradient = if weight == 0.0 { 0.0 } else { *gradient };
        }
        self.optimizers[parameter].step(rate, weights, gradient);
    }

    /// Zeroes weights of magnitude at most `threshold` for good, and their moments with them.
    pub fn prune(&mut self, parameter: usize, threshold: f32) {
        let weights = self.parameters[parameter].data_mut();
        for weight in weights.iter_mut() {
            *weight = if weight.abs() <= threshold { 0.0 } else { *weight };
        }
        self.optimizers[parameter].reset_where(|at| weights[at] == 0.0);
    }

    /// Removes units that have lost all inputs or all outputs, which changes no output; says whether there were any. If
    /// so, the plan is of another network and forgotten.
    pub fn shrink(&mut self) -> bool {
        let smaller = shrink(self.map.graph(), &self.parameters);
        if smaller.map.is_whole() {
            return false;
        }
        for (adam, axes) in self.optimizers.iter_mut().zip(smaller.map.axes()) {
            let [mean, square] = [adam.mean(), adam.square()].map(|moment| axes.gather_slice(moment));
            *adam = Adam::restored(*adam.config(), &mean, &square, adam.steps());
        }
        self.map = self.map.then(&smaller.map);
        self.plan = None;
        self.parameters = smaller.parameters;
        true
    }

    /// Number of weights of a parameter that are not zero.
    #[must_use]
    pub fn nonzero(&self, parameter: usize) -> usize {
        self.parameters[parameter].data().iter().filter(|&&weight| weight != 0.0).count()
    }

    /// Takes over the statistics of a batch into the running ones of batch-norm layers.
    pub fn observe(&mut self, statistics: &[RunningStatistics]) {
        for layer in statistics {
            layer.update(&mut self.parameters);
        }
    }

    /// Writes everything that [`Trainee::restore`] needs.
    pub fn save(&self, snapshot: &mut Snapshot) {
        for (group, units) in self.map.units().iter().enumerate() {
            let kept: Vec<u64> = units.kept.iter().map(|&unit| unit as u64).collect();
            snapshot.put_u64(format!("units.{group}"), &[kept.len()], &kept);
        }
        save_parameters(snapshot, "parameter", &self.parameters);
        for ((name, _), adam) in self.parameters.iter().zip(&self.optimizers) {
            save_adam(snapshot, &format!("optimizer.{name}"), adam);
        }
    }

    /// The network as [`Trainee::save`] left it; `full` is the graph before any unit was removed.
    ///
    /// # Errors
    /// [`Error::CheckpointEntry`] when the snapshot is of another network.
    pub fn restore(full: &Graph, covers: Coverage, snapshot: &Snapshot) -> Result<Self, Error> {
        let kept = (0..full.units().groups().len()).map(|group| {
            let kept = snapshot.get_u64(&format!("units.{group}"))?;
            Ok(kept.iter().map(|&unit| usize::try_from(unit).unwrap_or(usize::MAX)).collect())
        });
        let kept = kept.collect::<Result<Vec<Vec<usize>>, Error>>()?;
        let map = UnitMap::new(full, &kept).map_err(|_| misfit("units"))?;
        let parameters = restore_parameters(snapshot, "parameter", map.graph())?;
        let optimizers = map.graph().parameters().iter();
        let optimizers = optimizers.map(|spec| restore_adam(snapshot, &format!("optimizer.{}", spec.name), spec.len()));
        let optimizers = optimizers.collect::<Result<_, _>>()?;
        Ok(Self { map, parameters, covers, optimizers, plan: None })
    }
}

fn fresh_optimizers(parameters: &Parameters) -> Vec<Adam> {
    parameters.tensors().iter().map(|tensor| Adam::new(AdamConfig::default(), tensor.len())).collect()
}

/// Writes each of a network's parameters under `prefix.name`.
pub fn save_parameters(snapshot: &mut Snapshot, prefix: &str, parameters: &Parameters) {
    for (name, tensor) in parameters.iter() {
        snapshot.put_f32(format!("{prefix}.{name}"), tensor.shape(), tensor.data());
    }
}

/// Reads what [`save_parameters`] wrote of a network with this graph.
///
/// # Errors
/// [`Error::CheckpointEntry`] when a parameter is missing or of another size.
pub fn restore_parameters(snapshot: &Snapshot, prefix: &str, graph: &Graph) -> Result<Parameters, Error> {
    let tensors = graph.parameters().iter().map(|spec| {
        let name = format!("{prefix}.{}", spec.name);
        let values = snapshot.get_f32(&name)?.to_vec();
        Tensor::new(&spec.shape, values).map_err(|_| misfit(&name))
    });
    Parameters::new(graph, tensors.collect::<Result<_, _>>()?).map_err(|_| misfit(prefix))
}

/// Writes an optimiser's state.
pub(crate) fn save_adam(snapshot: &mut Snapshot, name: &str, adam: &Adam) {
    snapshot.put_f32(format!("{name}.mean"), &[adam.mean().len()], adam.mean());
    snapshot.put_f32(format!("{name}.square"), &[adam.square().len()], adam.square());
    snapshot.put_u64(format!("{name}.steps"), &[1], &[adam.steps()]);
}

/// Reads an optimiser's state, of `len` parameters.
pub(crate) fn restore_adam(snapshot: &Snapshot, name: &str, len: usize) -> Result<Adam, Error> {
    let mean = snapshot.get_f32(&format!("{name}.mean"))?;
    let square = snapshot.get_f32(&format!("{name}.square"))?;
    let &[steps] = snapshot.get_u64(&format!("{name}.steps"))? else {
        return Err(misfit(name));
    };
    if mean.len() != len || square.len() != len {
        return Err(misfit(name));
    }
    Ok(Adam::restored(AdamConfig::default(), mean, square, steps))
}

fn misfit(name: &str) -> Error {
    Error::CheckpointEntry { name: name.into(), problem: "does not fit the network".into() }
}
