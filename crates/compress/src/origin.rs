//! What a file tells of the run that made it, so that the run can be repeated.

use std::path::Path;

use mixpress_network::Definition;

use crate::definition::read_definition;
use crate::imported::{is_model, open_archive};
use crate::{Error, Recipe};

/// The run that made an `.mxp` file. With the same data, network and recipe it makes the same file again, where the
/// program and the kind of processor are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// All settings, the seed included.
    pub recipe: Recipe,
    /// The network, if the file holds its definition.
    pub network: Option<Definition>,
    /// Shape of an item that the network takes, known together with it.
    pub input_shape: Option<Vec<usize>>,
}

impl Origin {
    /// Reads what a file tells of its run. Large tensors are not decoded for it.
    ///
    /// # Errors
    /// [`Error::Read`] when the file cannot be read, [`Error::Codebook`] when it is damaged or is no `.mxp` file,
    /// [`Error::NoRecipe`] when it was not made by a run that has a recipe, [`Error::Recipe`] when it was made with
    /// other defaults than this version has, and [`Error::Network`] or [`Error::Tensors`] when its definition cannot be
    /// read.
    pub fn of_path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (archive, _) = open_archive(path.as_ref())?;
        let none = |reason| Err(Error::NoRecipe { path: path.as_ref().into(), reason });
        if is_model(&archive) {
            return none("it holds another program's model, which was compressed as it is, without training");
        }
        let metadata = archive.metadata();
        let Some(seed) = metadata.seed else {
            return none("it does not tell the seed of the run that made it");
        };
        let recipe = Recipe::from_differences(metadata.recipe.as_deref(), seed)?;
        let network = archive.definition().map(read_definition).transpose()?;
        let (network, input_shape) =
            network.map(|(definition, graph)| (definition, graph.input_shape().to_vec())).unzip();
        Ok(Self { recipe, network, input_shape })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use mixpress_codebook::{Container, Metadata, encode};
    use mixpress_network::zoo;

    use super::*;
    use crate::definition::write_definition;

    fn origin(container: &Container) -> Result<Origin, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), encode(container).unwrap()).unwrap();
        Origin::of_path(file.path())
    }

    #[test]
    fn a_file_tells_its_run() {
        let recipe = Recipe::from_toml("seed = 5\naugment = false\njoint.strength = 0.2").unwrap();
        let metadata = Metadata { recipe: recipe.to_differences(), seed: Some(5), ..Metadata::default() };
        let definition = Some(write_definition(&zoo::digits_mlp(), &[1, 8, 8]));
        let told = origin(&Container { metadata: metadata.clone(), definition, ..Container::default() }).unwrap();
        assert_eq!(
            told,
            Origin { recipe: recipe.clone(), network: Some(zoo::digits_mlp()), input_shape: Some(vec![1, 8, 8]) }
        );
        let without = origin(&Container { metadata, ..Container::default() }).unwrap();
        assert_eq!(without, Origin { recipe, network: None, input_shape: None });
    }

    #[test]
    fn a_file_without_a_run_says_what_it_lacks() {
        let error = origin(&Container::default()).unwrap_err().to_string();
        assert!(error.contains("the seed of the run"), "{error}");
        let metadata = Metadata { recipe: Some(vec![0, 1]), seed: Some(5), ..Metadata::default() };
        let error = origin(&Container { metadata, ..Container::default() }).unwrap_err().to_string();
        assert!(error.contains("version 0 of the defaults"), "{error}");
    }
}
