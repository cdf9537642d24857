//! The run itself: draw, train, select target components, quantise, fine-tune, step after step of the method.

use mixpress_codebook::Container;
use mixpress_mixture::Mixture;
use mixpress_network::{Definition, Graph, Network, Parameters};
use mixpress_tensor::Pool;
use mixpress_train::{
    Augmentation, BatchConfig, CancelToken, CoveredLayer, DataSource, Dataset, HardSettings, JointOutcome,
    JointSettings, Keeper, Levels, Observer, PhaseName, Session, Snapshot, SoftTargets, Split, Start, Trainee,
    covered_layers, draw_weights, initial_mixtures, initial_scales, wrong_samples,
};

use crate::checkpoint::{Checkpoints, phase_of};
use crate::details::LayerDetails;
use crate::history::Recorder;
use crate::package::{Facts, ValidationErrors, package};
use crate::search::percent;
use crate::select::select;
use crate::{Error, Recipe};

/// Where a run stands between two phases: what the next phase begins with.
enum Stage {
    Plain(Trainee),
    Joint(Trainee),
    Hard(JointOutcome),
    Tied(Trainee, Vec<Levels>),
}

/// What a run made, before it is written.
pub(crate) struct Product {
    /// What the file will hold.
    pub container: Container,
    /// The float network, as it was at the end of plain training.
    pub float: Network,
    /// Errors on the validation split.
    pub errors: ValidationErrors,
    /// The layers' weights and mixtures at the end of joint training.
    pub layers: Vec<LayerDetails>,
}

/// What all phases of a run work on: the network, the parts of the data, and what the weights are drawn from.
///
/// Of the recipes that its methods are given, the seed, the batches, the split and the prior must be those that it was
/// made with.
pub(crate) struct Workshop<'a> {
    definition: &'a Definition,
    pub graph: Graph,
    training: Dataset,
    pub validation: Dataset,
    batch: BatchConfig,
    pub cancel: CancelToken,
    pub mixtures: Vec<Mixture>,
    scales: Vec<f64>,
    /// The layers that the prior covers, at full shape.
    pub covered: Vec<CoveredLayer>,
}

impl<'a> Workshop<'a> {
    pub fn new(
        definition: &'a Definition,
        data: &DataSource,
        recipe: &Recipe,
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        let graph = lower(definition, &data.train)?;
        let split = Split::new(data.train.len(), recipe.validation, recipe.seed)?;
        let training = data.train.subset(&split.train)?;
        let augmentation = Augmentation::of(recipe.augment, training.item_shape());
        Ok(Self {
            definition,
            validation: data.train.subset(&split.validation)?,
            batch: BatchConfig { size: recipe.batch, augmentation, seed: recipe.seed },
            cancel: cancel.clone(),
            mixtures: initial_mixtures(&graph, &recipe.prior, recipe.seed)?,
            scales: initial_scales(&graph, recipe.prior.covers),
            covered: covered_layers(&graph, recipe.prior.covers),
            training,
            graph,
        })
    }

    /// A session of phases, watched and kept, that learns from labels or from `targets`.
    pub fn session<'s>(
        &'s self,
        observer: &'s dyn Observer,
        keeper: &'s dyn Keeper,
        targets: Option<&'s SoftTargets>,
    ) -> Session<'s> {
        Session {
            train: &self.training,
            validation: &self.validation,
            batch: self.batch,
            targets,
            observer,
            cancel: self.cancel.clone(),
            keeper,
            pool: Pool::new(),
        }
    }

    /// What the phases after plain training learn from the float network it made, at full shape; nothing where labels
    /// are all.
    pub fn soft_targets(&self, recipe: &Recipe, float: &Parameters) -> Result<Option<SoftTargets>, Error> {
        let network = (&self.graph, float);
        Ok(SoftTargets::of_network(network, &self.training, &recipe.distillation, &Pool::new(), &self.cancel)?)
    }

    /// The network before its first step.
    pub fn drawn(&self, recipe: &Recipe) -> Result<Trainee, Error> {
        let mut parameters = Parameters::neutral(&self.graph);
        draw_weights(&self.graph, &mut parameters, &self.mixtures, recipe.prior.covers, recipe.seed)?;
        Ok(Trainee::new(Network::new(self.graph.clone(), parameters)?, recipe.prior.covers))
    }

    /// The network as a snapshot has it.
    pub fn restored(&self, recipe: &Recipe, snapshot: &Snapshot) -> Result<Trainee, Error> {
        Ok(Trainee::restore(&self.graph, recipe.prior.covers, snapshot)?)
    }

    pub fn joint_settings(&self, recipe: &Recipe) -> JointSettings {
        JointSettings {
            config: recipe.joint.clone(),
            prior: recipe.prior.clone(),
            samples: self.training.len(),
            scales: self.scales.clone(),
            has_convolutions: self.covered.iter().any(|layer| layer.block > 1),
        }
    }

    pub fn hard_settings(&self, recipe: &Recipe) -> HardSettings {
        let strength = self.joint_settings(recipe).final_strength();
        HardSettings {
            config: recipe.hard.clone(),
            strength: strength * recipe.hard.strength as f32,
            bias_strength: strength * recipe.joint.bias_strength as f32,
            threshold: recipe.prior.threshold,
            full_lens: self.full_lens(),
        }
    }

    /// What joint training has come to where a snapshot was taken of it.
    pub fn joint_outcome(&self, recipe: &Recipe, snapshot: &Snapshot) -> Result<JointOutcome, Error> {
        let (trainee, settings) = (self.restored(recipe, snapshot)?, self.joint_settings(recipe));
        Ok(JointOutcome::at(snapshot, trainee, settings)?)
    }

    /// The levels that each layer has after joint training.
    pub fn levels(&self, recipe: &Recipe, outcome: &JointOutcome) -> Vec<Levels> {
        select(&outcome.trainee, &outcome.means, &recipe.prior, &self.full_lens())
    }

    fn full_lens(&self) -> Vec<usize> {
        self.covered.iter().map(CoveredLayer::len).collect()
    }

    /// Which samples of the validation split a network at full shape gets wrong.
    pub fn wrong(&self, parameters: &Parameters) -> Vec<bool> {
        wrong_samples(&self.graph, parameters, &self.validation, &Pool::new())
    }

    /// What the file of a fine-tuned network holds.
    pub fn pack(&self, recipe: &Recipe, trainee: &Trainee, errors: ValidationErrors) -> Result<Container, Error> {
        package(self.definition, &self.graph, &trainee.full_parameters(), &Facts { recipe, errors })
    }
}

/// A run of a fixed recipe: what is compressed, on which data, how, and who watches.
pub(crate) struct Run<'a> {
    pub definition: &'a Definition,
    pub data: &'a DataSource,
    pub recipe: &'a Recipe,
    pub recorder: &'a Recorder<'a>,
    pub cancel: &'a CancelToken,
    pub checkpoints: &'a Checkpoints<'a>,
}

/// The graph of a definition for items of a data set.
pub(crate) fn lower(definition: &Definition, data: &Dataset) -> Result<Graph, Error> {
    let graph = definition.lower(data.item_shape())?;
    if graph.output_shape().len() != 1 {
        return Err(Error::OutputShape { got: graph.output_shape().to_vec() });
    }
    if graph.output_len() == data.classes() {
        Ok(graph)
    } else {
        Err(Error::Classes { outputs: graph.output_len(), classes: data.classes() })
    }
}

impl Run<'_> {
    /// Runs all phases, or those that are left after `resumed`.
    pub fn run(&self, resumed: Option<&Snapshot>) -> Result<Product, Error> {
        let Run { recipe, checkpoints, .. } = *self;
        let shop = Workshop::new(self.definition, self.data, recipe, self.cancel)?;
        // The snapshot serves the phase that it was taken of, and none after it.
        let mut resumed = match resumed {
            Some(snapshot) => Some((phase_of(snapshot)?, snapshot)),
            None => None,
        };
        let mut stage = match resumed {
            None => Stage::Plain(shop.drawn(recipe)?),
            Some((phase, snapshot)) => {
                let trainee = shop.restored(recipe, snapshot)?;
                if phase > PhaseName::Plain {
                    checkpoints.restore_float(snapshot, &shop.graph)?;
                }
                if phase > PhaseName::Joint {
                    checkpoints.restore_layers(snapshot)?;
                }
                match phase {
                    PhaseName::Plain => Stage::Plain(trainee),
                    PhaseName::Joint => Stage::Joint(trainee),
                    PhaseName::Hard => Stage::Hard(JointOutcome { trainee, means: Vec::new(), mixtures: Vec::new() }),
                    PhaseName::Tied => Stage::Tied(trainee, Vec::new()),
                }
            }
        };
        let mut targets = None;
        let (trainee, codebooks) = loop {
            if targets.is_none() && !matches!(stage, Stage::Plain(_)) {
                targets = shop.soft_targets(recipe, &checkpoints.float())?;
            }
            let session = shop.session(self.recorder, checkpoints, targets.as_ref());
            let snapshot = resumed.take().map(|(_, snapshot)| snapshot);
            let from = |trainee| match snapshot {
                Some(snapshot) => Start::From(snapshot, trainee),
                None => Start::With(trainee),
            };
            stage = match stage {
                Stage::Plain(trainee) => {
                    let trainee = session.plain(from(trainee), &recipe.plain)?;
                    checkpoints.keep_float(trainee.full_parameters());
                    Stage::Joint(trainee)
                }
                Stage::Joint(trainee) => {
                    let outcome = session.joint(from(trainee), &shop.mixtures, shop.joint_settings(recipe))?;
                    checkpoints.keep_layers(&shop.covered, &outcome);
                    Stage::Hard(outcome)
                }
                Stage::Hard(outcome) => {
                    let levels = shop.levels(recipe, &outcome);
                    let (trainee, levels) = session.hard(from(outcome.trainee), levels, shop.hard_settings(recipe))?;
                    Stage::Tied(trainee, levels)
                }
                Stage::Tied(trainee, levels) => break session.tied(from(trainee), &levels, &recipe.tied)?,
            };
        };
        tracing::debug!(?codebooks, "fine-tuned codebooks");

        let float = Network::new(shop.graph.clone(), checkpoints.take_float())?;
        let errors = ValidationErrors {
            float: percent(&shop.wrong(float.parameters())),
            compressed: percent(&shop.wrong(&trainee.full_parameters())),
        };
        let container = shop.pack(recipe, &trainee, errors)?;
        Ok(Product { container, float, errors, layers: checkpoints.take_layers() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_ends_in_images_is_refused() {
        let text = "name = \"open\"\n[[layer]]\nkind = \"conv\"\nchannels = 10\nkernel = 8\n";
        let data = mixpress_train::digits().train;
        let open = Definition::from_toml(text).unwrap();
        assert!(matches!(lower(&open, &data), Err(Error::OutputShape { got }) if got == [10, 1, 1]));
        let closed = Definition::from_toml(&format!("{text}[[layer]]\nkind = \"flatten\"\n")).unwrap();
        assert_eq!(lower(&closed, &data).unwrap().output_shape(), [10]);
    }
}
