//! What a run or a file knows beyond its [`Outcome`](crate::Outcome), for a page with pictures: plain data.

mod baseline;
mod file_bytes;
mod histogram;

use mixpress_codebook::Entry;
use mixpress_train::{ClassCount, Evaluation};
use serde::{Deserialize, Serialize};

pub use self::baseline::Baseline;
pub use self::file_bytes::{FileBytes, TensorParts};
pub use self::histogram::{LayerDetails, MixtureComponent};
use crate::CompressedModel;

/// Everything beyond the outcome. A file alone tells the recipe, the definition, codebooks and sizes; the rest is a run's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The settings that differ from the defaults, the seed aside, as TOML; empty where none does. Nothing where the file's
    /// recipe refers to other defaults than this version has.
    pub recipe: Option<String>,
    /// The network as TOML; nothing for a file of tensors alone.
    pub definition: Option<String>,
    /// Where the file's bytes go.
    pub file: FileBytes,
    /// The codebook of each tensor of the file, in its order; empty for a tensor without one.
    pub codebooks: Vec<Vec<CodebookValue>>,
    /// The layers under the prior, in the order of the network; empty from a file alone.
    pub layers: Vec<LayerDetails>,
    /// What was wrong on the test set, class by class; empty from a file alone.
    pub classes: Vec<ClassErrors>,
    /// What rounding to 8 bits reaches; nothing from a file alone.
    pub baseline: Option<Baseline>,
}

/// A value of a codebook.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodebookValue {
    /// The value.
    pub value: f32,
    /// Entries of the tensor that have it.
    pub count: usize,
}

/// The test errors of one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassErrors {
    /// Samples of the class.
    pub samples: usize,
    /// Those that the float network gave another class.
    pub float_wrong: usize,
    /// Those that the network read back from the file gave another class.
    pub compressed_wrong: usize,
}

impl Details {
    /// What an opened file tells.
    #[must_use]
    pub fn of_model(model: &CompressedModel) -> Self {
        Self {
            recipe: model.recipe().ok().map(|recipe| recipe.differences()),
            definition: model.definition().map(mixpress_network::Definition::to_toml),
            file: FileBytes::of(model.breakdown()),
            codebooks: model.entries().iter().map(codebook).collect(),
            ..Self::default()
        }
    }
}

impl ClassErrors {
    /// Both networks' errors on the same samples.
    pub(crate) fn of(float: &Evaluation, compressed: &Evaluation) -> Vec<Self> {
        let each = float.by_class().iter().zip(compressed.by_class());
        let errors = |(float, compressed): (&ClassCount, &ClassCount)| Self {
            samples: float.samples,
            float_wrong: float.wrong,
            compressed_wrong: compressed.wrong,
        };
        each.map(errors).collect()
    }
}

/// The values that some entry has, ascending.
fn codebook(entry: &Entry) -> Vec<CodebookValue> {
    let Entry::Quantized(tensor) = entry else { return Vec::new() };
    let mut counts = vec![0; tensor.codebook().len()];
    tensor.indices().iter().for_each(|&index| counts[usize::from(index)] += 1);
    let values = tensor.codebook().to_values();
    let each = values.into_iter().zip(counts).map(|(value, count)| CodebookValue { value, count });
    each.filter(|value| value.count > 0).collect()
}

#[cfg(test)]
mod tests {
    use mixpress_codebook::{PlainTensor, QuantizedTensor};

    use super::*;

    #[test]
    fn codebooks_count_the_values_in_use() {
        let tensor = QuantizedTensor::from_values("w", [2, 3], &[0.5, 0.0, 0.5, -1.0, 0.0, 0.5]).unwrap();
        let counted = codebook(&tensor.into());
        let pairs: Vec<(f32, usize)> = counted.iter().map(|value| (value.value, value.count)).collect();
        assert_eq!(pairs, [(-1.0, 1), (0.0, 2), (0.5, 3)]);
        assert_eq!(codebook(&PlainTensor::from_f32("b", [1], &[0.1]).unwrap().into()), []);
    }
}
