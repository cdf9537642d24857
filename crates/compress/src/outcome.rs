//! What a run reached, as plain data: for a table, for JSON, for a page.

use std::path::Path;

use mixpress_codebook::{Archive, Breakdown, Entry, Metadata, TensorBytes};
use mixpress_train::Measurement;
use serde::{Deserialize, Serialize};

use crate::definition::read_definition;
use crate::frontier::{FrontierPoint, Judgement};
use crate::imported::{is_model, open_archive};
use crate::{CompressedModel, Error, ModelFile, ModelOutcome};

/// The result of a compression. Sizes, layers and the test error of the compressed network are measured on the reopened
/// file; validation errors are those that the run chose by, and stand in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The network's name.
    pub network: String,
    /// The data set's name.
    pub data: String,
    /// The seed of the run.
    pub seed: u64,
    /// Test error of the float network (end of phase A), percent.
    pub float_error: f64,
    /// Test error of the compressed network, read back from the file, percent.
    pub compressed_error: f64,
    /// Validation error of the float network, percent.
    pub float_validation_error: f64,
    /// Validation error of the compressed network, percent.
    pub validation_error: f64,
    /// Four bytes for each parameter of the network.
    pub original_bytes: u64,
    /// Bytes of the file on disk.
    pub file_bytes: u64,
    /// `original_bytes / file_bytes`.
    pub ratio: f64,
    /// Share of zeros among the weights, which are the tensors of two axes or more; 0 to 1.
    pub sparsity: f64,
    /// Wall time of the run, the part before an interruption included.
    pub seconds: f64,
    /// One entry for each tensor of the file, in the network's order.
    pub layers: Vec<LayerOutcome>,
    /// Bytes of the file that belong to no tensor: header, flags of live units, definition, metadata, checksum.
    pub overhead_bytes: f64,
    /// The readings at the end of each round.
    pub history: Vec<Measurement>,
    /// The files that a search made, from the largest to the smallest; empty for a run of a fixed recipe.
    #[serde(default)]
    pub frontier: Vec<FrontierPoint>,
    /// What the search was asked for; absent for a run of a fixed recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// How one tensor stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerOutcome {
    /// Parameter name, such as `fc1.weight`.
    pub name: String,
    /// Full shape.
    pub shape: Vec<usize>,
    /// Number of values.
    pub weights: usize,
    /// Values that are not zero.
    pub nonzero: usize,
    /// Components found: codebook entries, the zero included; 0 for a tensor stored without a codebook.
    pub components: usize,
    /// Bytes in the file; fractional, because small tensors share one arithmetic-coded stream.
    pub bytes: f64,
    /// `8 * bytes / weights`.
    pub bits_per_weight: f64,
    /// How the entries are coded, in words.
    pub coding: String,
}

impl Outcome {
    /// What a file alone tells: sizes, layers, and the validation errors that it remembers. Test errors, the history and the
    /// time are those of a run: they are NaN or empty here.
    ///
    /// Large sections are not decoded for it, so that it takes hardly longer than to read the file.
    ///
    /// # Errors
    /// [`Error::Codebook`] when the file is damaged or is no `.mxp` file, and [`Error::Network`] or [`Error::Tensors`]
    /// when its definition cannot be read.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (archive, breakdown) = Archive::open_with_breakdown(bytes)?;
        Self::of_archive(&archive, &breakdown)
    }

    fn of_archive(archive: &Archive<'_>, breakdown: &Breakdown) -> Result<Self, Error> {
        let layers = (archive.tensors().iter().zip(&breakdown.tensors))
            .map(|(tensor, bytes)| {
                let codebook = (tensor.nonzeros()?, tensor.used_values()?);
                Ok(LayerOutcome::new(tensor.name(), tensor.shape(), codebook, bytes))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let network = archive.definition().map(read_definition).transpose()?;
        let network = network.map(|(definition, graph)| (definition.name, graph.parameter_count()));
        Ok(Self::of_file(network, archive.metadata(), breakdown, layers))
    }

    /// What the file of an opened model tells: see [`Outcome::of_bytes`].
    #[must_use]
    pub fn of_model(model: &CompressedModel) -> Self {
        let breakdown = model.breakdown();
        let layers = (model.entries().iter().zip(&breakdown.tensors).enumerate())
            .map(|(number, (entry, bytes))| {
                let codebook = match entry {
                    Entry::Quantized(tensor) => (tensor.nonzeros(), tensor.used_values()),
                    Entry::Plain(tensor) => (tensor.nonzeros(), 0),
                    Entry::Trellis(_) => {
                        let values = model.values(number).unwrap_or_default();
                        (values.into_iter().filter(|&value| value != 0.0).count(), 0)
                    }
                };
                LayerOutcome::new(entry.name(), entry.shape(), codebook, bytes)
            })
            .collect();
        let network = model.definition().zip(model.network());
        let network = network.map(|(definition, network)| (definition.name.clone(), network.graph().parameter_count()));
        Self::of_file(network, model.metadata(), breakdown, layers)
    }

    /// What a file tells: the name and the number of parameters of its network, if it has one, and the rest.
    fn of_file(
        network: Option<(String, usize)>,
        metadata: &Metadata,
        breakdown: &Breakdown,
        layers: Vec<LayerOutcome>,
    ) -> Self {
        let (network, parameters) =
            network.unwrap_or_else(|| ("unnamed".into(), layers.iter().map(|layer| layer.weights).sum()));
        let covered = || layers.iter().filter(|layer| layer.shape.len() > 1);
        let weights: usize = covered().map(|layer| layer.weights).sum();
        let nonzero: usize = covered().map(|layer| layer.nonzero).sum();
        let percent = |hundredths: Option<u32>| hundredths.map_or(f64::NAN, |value| f64::from(value) / 100.0);
        let (original_bytes, file_bytes) = (4 * parameters as u64, breakdown.total as u64);
        Self {
            network,
            data: String::new(),
            seed: metadata.seed.unwrap_or_default(),
            float_error: f64::NAN,
            compressed_error: f64::NAN,
            float_validation_error: percent(metadata.float_error),
            validation_error: percent(metadata.error),
            original_bytes,
            file_bytes,
            ratio: original_bytes as f64 / file_bytes as f64,
            sparsity: if weights == 0 { 0.0 } else { 1.0 - nonzero as f64 / weights as f64 },
            seconds: f64::NAN,
            overhead_bytes: breakdown.total - layers.iter().map(|layer| layer.bytes).sum::<f64>(),
            layers,
            history: Vec::new(),
            frontier: Vec::new(),
            judgement: None,
        }
    }
}

/// What a file on disk tells, whatever it holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Description {
    /// A network that was trained here, or tensors alone.
    Network(Outcome),
    /// Another program's model.
    Model(ModelOutcome),
}

impl Description {
    /// What a file tells. Its bytes are read, but not kept; large sections are not decoded for it.
    ///
    /// # Errors
    /// As [`Outcome::of_bytes`] and [`ModelOutcome::of_model_file`], and [`Error::Read`] when the file cannot be opened.
    pub fn of_path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (archive, breakdown) = open_archive(path.as_ref())?;
        if is_model(&archive) {
            return Ok(Self::Model(ModelOutcome::of_model_file(&ModelFile::of_archive(archive, breakdown)?)?));
        }
        Ok(Self::Network(Outcome::of_archive(&archive, &breakdown)?))
    }
}

impl LayerOutcome {
    /// `codebook` are the numbers of nonzero entries and of codebook values that some entry has.
    fn new(name: &str, shape: &[usize], codebook: (usize, usize), bytes: &TensorBytes) -> Self {
        let weights: usize = shape.iter().product();
        let (nonzero, components) = codebook;
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            weights,
            nonzero,
            components,
            bytes: bytes.total(),
            bits_per_weight: 8.0 * bytes.total() / weights.max(1) as f64,
            coding: bytes.coding.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mixpress_codebook::{Container, PlainTensor, QuantizedTensor, encode};

    use super::*;

    #[test]
    fn a_file_tells_the_same_decoded_or_not() {
        let values: Vec<f32> =
            (0..40_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 28).min(9) as f32 - 4.0).collect();
        let entries: Vec<Entry> = vec![
            QuantizedTensor::from_values("fc1.weight", [200, 200], &values).unwrap().into(),
            QuantizedTensor::from_values("fc1.bias", [4], &values[..4]).unwrap().into(),
            PlainTensor::from_f32("scale", [2], &[0.0, 0.1]).unwrap().into(),
        ];
        let bytes = encode(&Container { entries, ..Container::default() }).unwrap();
        let told = Outcome::of_bytes(&bytes).unwrap();
        let decoded = Outcome::of_model(&CompressedModel::from_bytes(&bytes).unwrap());
        assert_eq!(told.layers, decoded.layers);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let on_disk = Description::of_path(file.path());
        assert!(matches!(on_disk.unwrap(), Description::Network(outcome) if outcome.layers == told.layers));
        assert_eq!(told.layers[0].coding, "static entropy coding");
        assert_eq!((told.file_bytes, told.sparsity.to_bits()), (decoded.file_bytes, decoded.sparsity.to_bits()));
        assert_eq!((told.layers[2].nonzero, told.original_bytes), (1, 4 * 40_006));
    }
    #[test]
    fn trellis_coded_tensors_are_told_decoded_or_not() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/golden/trellis.mxp");
        let bytes = std::fs::read(golden).unwrap();
        let told = Outcome::of_bytes(&bytes).unwrap();
        let model = CompressedModel::from_bytes(&bytes).unwrap();
        assert_eq!(told.layers, Outcome::of_model(&model).layers);
        let predicted = &told.layers[3];
        assert_eq!(predicted.coding, "trellis, 8 states, predicted from layers.0.turned.weight");
        assert!(predicted.components == 0 && predicted.nonzero > 0 && predicted.nonzero < predicted.weights);
        assert!((1.0..8.0).contains(&predicted.bits_per_weight), "{predicted:?}");
        assert_eq!(model.tensors().count(), model.entries().len() - 2, "all but bytes have values");
    }
}
