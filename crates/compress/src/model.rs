//! A compressed model: the tensors of an `.mxp` file by name, and the network that they make.

use std::fs::File;
use std::path::Path;

use mixpress_codebook::{Archive, Breakdown, Container, Entry, Metadata};
use mixpress_interchange::{Limits, Skeleton};
use mixpress_network::{Definition, Network, Parameters};
use mixpress_tensor::{Pool, Tensor};
use mixpress_train::{Dataset, Evaluation, evaluate};

use crate::definition::read_definition;
use crate::imported::IMPORTED;
use crate::{Error, Recipe};

/// An opened `.mxp` file.
///
/// ```no_run
/// use mixpress_compress::CompressedModel;
///
/// let model = CompressedModel::open("lenet-300-100.mxp")?;
/// let (shape, values) = model.tensor("fc1.weight").expect("the network has a first layer");
/// println!("{shape:?}: {} values, {} bytes in all", values.len(), model.file_bytes());
/// # Ok::<(), mixpress_compress::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CompressedModel {
    container: Container,
    breakdown: Breakdown,
    network: Option<(Definition, Network)>,
    /// The model of another program that the tensors belong to.
    imported: Option<Skeleton>,
}

impl CompressedModel {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Read`] when it cannot be read, [`Error::Codebook`] when it is damaged or is no `.mxp` file, and
    /// [`Error::Network`] or [`Error::Tensors`] when its tensors do not fit the network that it says they make.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let (archive, breakdown) = Archive::open_file(file)?;
        Self::of_container(archive.into_container()?, breakdown)
    }

    /// Opens the bytes of a file.
    ///
    /// # Errors
    /// As [`CompressedModel::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (container, breakdown) = mixpress_codebook::decode_with_breakdown(bytes)?;
        Self::of_container(container, breakdown)
    }

    pub(crate) fn of_container(container: Container, breakdown: Breakdown) -> Result<Self, Error> {
        let (mut own, mut imported) = (None, None);
        match container.definition.as_deref() {
            Some([IMPORTED, stored @ ..]) => imported = Some(Skeleton::from_bytes(stored, &Limits::default())?),
            Some(definition) => own = Some(network(definition, &container)?),
            None => {}
        }
        Ok(Self { container, breakdown, network: own, imported })
    }

    /// Shape and values (row-major) of the tensor of that name; `None` when there is none, or it is no float tensor. A
    /// tensor of another program's model may have several names.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<(&[usize], Vec<f32>)> {
        let position = |name: &str| self.entries().iter().position(|entry| entry.name() == name);
        let number = position(name).or_else(|| {
            let tensors = self.imported.iter().flat_map(Skeleton::tensors);
            let tensor = tensors.into_iter().find(|tensor| tensor.names().iter().any(|own| own == name))?;
            position(tensor.name())
        })?;
        Some((self.entries()[number].shape(), self.container.values(number)?))
    }

    /// Name, shape and values of every float tensor, in the file's order.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize], Vec<f32>)> {
        let numbered = self.entries().iter().enumerate();
        numbered.filter_map(|(number, entry)| Some((entry.name(), entry.shape(), self.container.values(number)?)))
    }

    /// The tensors as the file holds them.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.container.entries
    }

    /// The values of the tensor of this number among [`CompressedModel::entries`]; nothing for one that is no float
    /// tensor.
    pub(crate) fn values(&self, number: usize) -> Option<Vec<f32>> {
        self.container.values(number)
    }

    /// The network's definition, if the file holds one.
    #[must_use]
    pub fn definition(&self) -> Option<&Definition> {
        self.network.as_ref().map(|(definition, _)| definition)
    }

    /// The network, if the file holds a definition.
    #[must_use]
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref().map(|(_, network)| network)
    }

    /// Seed, recipe and errors of the run that made the file.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.container.metadata
    }

    /// The recipe of the run that made the file.
    ///
    /// # Errors
    /// [`Error::Recipe`] when the file was made with other defaults than this version has.
    pub fn recipe(&self) -> Result<Recipe, Error> {
        let metadata = self.metadata();
        Recipe::from_differences(metadata.recipe.as_deref(), metadata.seed.unwrap_or_default())
    }

    /// Where the bytes of the file go.
    #[must_use]
    pub fn breakdown(&self) -> &Breakdown {
        &self.breakdown
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.breakdown.total as u64
    }

    /// The network's outputs for a batch `[N, ...]` of inputs: logits `[N, classes]` for a classifier.
    ///
    /// # Errors
    /// [`Error::NoDefinition`] when the file holds no network, [`Error::Imported`] when it holds another program's model,
    /// [`Error::Network`] when the inputs do not fit.
    pub fn predict(&self, inputs: &Tensor) -> Result<Tensor, Error> {
        Ok(self.network().ok_or_else(|| self.no_network())?.predict(inputs)?)
    }

    /// Why nothing can be predicted.
    fn no_network(&self) -> Error {
        if self.imported.is_some() { Error::Imported } else { Error::NoDefinition }
    }

    /// Percent of a data set's items that the network classifies wrongly.
    ///
    /// # Errors
    /// [`Error::NoDefinition`] or [`Error::Imported`] when the file holds no network; [`Error::InputShape`] or
    /// [`Error::Classes`] when the data do not fit it.
    pub fn error_rate(&self, data: &Dataset) -> Result<f64, Error> {
        Ok(self.evaluate(data)?.error_percent())
    }

    /// What the network gets wrong on a data set, class by class.
    ///
    /// # Errors
    /// As [`CompressedModel::error_rate`].
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation, Error> {
        let network = self.network().ok_or_else(|| self.no_network())?;
        if network.input_shape() != data.item_shape() {
            return Err(Error::InputShape {
                expected: network.input_shape().to_vec(),
                got: data.item_shape().to_vec(),
            });
        }
        if network.output_len() < data.classes() {
            return Err(Error::Classes { outputs: network.output_len(), classes: data.classes() });
        }
        Ok(evaluate(network.graph(), network.parameters(), data, &Pool::new()))
    }
}

fn network(definition: &[u8], container: &Container) -> Result<(Definition, Network), Error> {
    let (definition, graph) = read_definition(definition)?;
    let named = container.entries.iter().enumerate().map(|(number, entry)| {
        let name = entry.name();
        let values = container.values(number).ok_or_else(|| Error::Tensors(format!("{name} holds no floats")))?;
        let tensor = Tensor::new(entry.shape(), values).map_err(|error| Error::Tensors(format!("{name}: {error}")))?;
        Ok((name.to_owned(), tensor))
    });
    let named = named.collect::<Result<Vec<_>, Error>>()?;
    let parameters = Parameters::from_named(&graph, named)?;
    Ok((definition, Network::new(graph, parameters)?))
}
