//! The run itself: draw, train, select target components, quantise, fine-tune, step after step of the method.

use mixpress_codebook::Container;
use mixpress_network::{Definition, Graph, Network, Parameters};
use mixpress_tensor::Pool;
use mixpress_train::{
    Augmentation, BatchConfig, CancelToken, CoveredLayer, DataSource, Dataset, HardSettings, JointOutcome,
    JointSettings, Levels, PhaseName, Session, Snapshot, Split, Start, Trainee, covered_layers, draw_weights,
    error_rate, initial_mixtures, initial_scales,
};

use crate::checkpoint::{Checkpoints, phase_of};
use crate::details::LayerDetails;
use crate::history::Recorder;
use crate::package::{Facts, package};
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
    /// Its error on the validation split, percent.
    pub float_validation_error: f64,
    /// The compressed network's error on the validation split, percent.
    pub validation_error: f64,
    /// The layers' weights and mixtures at the end of joint training.
    pub layers: Vec<LayerDetails>,
}

/// A run: what is compressed, on which data, how, and who watches.
pub(crate) struct Run<'a> {
    pub definition: &'a Definition,
    pub data: &'a DataSource,
    pub recipe: &'a Recipe,
    pub recorder: &'a Recorder<'a>,
    pub cancel: &'a CancelToken,
    pub checkpoints: &'a Checkpoints<'a>,
}

impl Run<'_> {
    /// Runs all phases, or those that are left after `resumed`.
    pub fn run(&self, resumed: Option<&Snapshot>) -> Result<Product, Error> {
        let recipe = self.recipe;
        let graph = lower(self.definition, &self.data.train)?;
        let split = Split::new(self.data.train.len(), recipe.validation, recipe.seed)?;
        let training = self.data.train.subset(&split.train)?;
        let validation = self.data.train.subset(&split.validation)?;
        let augmentation =
            if recipe.augment { Augmentation::suited_to(training.item_shape()) } else { Augmentation::None };
        let session = Session {
            train: &training,
            validation: &validation,
            batch: BatchConfig { size: recipe.batch, augmentation, seed: recipe.seed },
            observer: self.recorder,
            cancel: self.cancel.clone(),
            keeper: self.checkpoints,
            pool: Pool::new(),
        };
        Phases { run: self, session, graph: &graph }.run(resumed)
    }
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

/// A run with its data split and its graph at hand.
struct Phases<'a> {
    run: &'a Run<'a>,
    session: Session<'a>,
    graph: &'a Graph,
}

impl Phases<'_> {
    fn run(&self, resumed: Option<&Snapshot>) -> Result<Product, Error> {
        let Run { recipe, checkpoints, .. } = *self.run;
        let mixtures = initial_mixtures(self.graph, &recipe.prior, recipe.seed)?;
        let scales = initial_scales(self.graph, recipe.prior.covers);
        let covered = covered_layers(self.graph, recipe.prior.covers);
        let joint = JointSettings {
            config: recipe.joint.clone(),
            prior: recipe.prior.clone(),
            samples: self.session.train.len(),
            scales,
            has_convolutions: covered.iter().any(|layer| layer.block > 1),
        };
        let strength = joint.final_strength();
        let full_lens: Vec<usize> = covered.iter().map(CoveredLayer::len).collect();
        let hard = HardSettings {
            config: recipe.hard.clone(),
            strength: strength * recipe.hard.strength as f32,
            bias_strength: strength * recipe.joint.bias_strength as f32,
            threshold: recipe.prior.threshold,
            full_lens: full_lens.clone(),
        };

        // The snapshot serves the phase that it was taken of, and none after it.
        let mut resumed = match resumed {
            Some(snapshot) => Some((phase_of(snapshot)?, snapshot)),
            None => None,
        };
        let mut stage = match resumed {
            None => {
                let mut parameters = Parameters::neutral(self.graph);
                draw_weights(self.graph, &mut parameters, &mixtures, recipe.prior.covers, recipe.seed)?;
                Stage::Plain(Trainee::new(Network::new(self.graph.clone(), parameters)?, recipe.prior.covers))
            }
            Some((phase, snapshot)) => {
                let trainee = Trainee::restore(self.graph, recipe.prior.covers, snapshot)?;
                if phase > PhaseName::Plain {
                    checkpoints.restore_float(snapshot, self.graph)?;
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
        let (trainee, codebooks) = loop {
            let snapshot = resumed.take().map(|(_, snapshot)| snapshot);
            let from = |trainee| match snapshot {
                Some(snapshot) => Start::From(snapshot, trainee),
                None => Start::With(trainee),
            };
            stage = match stage {
                Stage::Plain(trainee) => {
                    let trainee = self.session.plain(from(trainee), &recipe.plain)?;
                    checkpoints.keep_float(trainee.full_parameters());
                    Stage::Joint(trainee)
                }
                Stage::Joint(trainee) => {
                    let outcome = self.session.joint(from(trainee), &mixtures, joint.clone())?;
                    checkpoints.keep_layers(&covered, &outcome);
                    Stage::Hard(outcome)
                }
                Stage::Hard(JointOutcome { trainee, means, .. }) => {
                    let levels = select(&trainee, &means, &recipe.prior, &full_lens);
                    let (trainee, levels) = self.session.hard(from(trainee), levels, hard.clone())?;
                    Stage::Tied(trainee, levels)
                }
                Stage::Tied(trainee, levels) => break self.session.tied(from(trainee), &levels, &recipe.tied)?,
            };
        };
        tracing::debug!(?codebooks, "fine-tuned codebooks");

        let float = Network::new(self.graph.clone(), checkpoints.take_float())?;
        let error = |graph: &Graph, parameters: &Parameters| {
            error_rate(graph, parameters, self.session.validation, &self.session.pool)
        };
        let float_validation_error = error(self.graph, float.parameters());
        let validation_error = error(trainee.graph(), trainee.parameters());
        let facts = Facts { recipe, float_validation_error, validation_error };
        let container = package(self.run.definition, self.graph, &trainee.full_parameters(), &facts)?;
        let layers = checkpoints.take_layers();
        Ok(Product { container, float, float_validation_error, validation_error, layers })
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
