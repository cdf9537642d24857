//! From arguments to what a run works on: the recipe, the network, the data.

use std::fs;
use std::path::Path;

use anyhow::Context;
use mixpress::compress::{Error, Origin};
use mixpress::prelude::{CompressedModel, DataSource, Definition, Recipe, zoo};
use mixpress::train;

use crate::args::CompressArgs;
use crate::defaults::Defaults;
use crate::failure::Failure;
use crate::kinds::{self, Wanted, is_mxp};

/// Shape of an item of MNIST, channels first.
const MNIST_ITEM: [usize; 3] = [1, 28, 28];

/// The run that the recipe's file tells of, or one by the defaults, with what the arguments say on top. An `.mxp` file
/// may tell the network, too.
pub(crate) fn origin(args: &CompressArgs) -> Result<Origin, Failure> {
    let mut origin = match &args.recipe {
        None => Origin { recipe: Recipe::default(), network: None, input_shape: None },
        Some(path) if is_mxp(path) => repeated(path)?,
        Some(path) => Origin { recipe: written(path)?, network: None, input_shape: None },
    };
    if let Some(seed) = args.seed {
        origin.recipe.seed = seed;
    }
    if args.no_augment {
        origin.recipe.augment = false;
    }
    Ok(origin)
}

/// The run that made an `.mxp` file.
fn repeated(path: &Path) -> Result<Origin, Failure> {
    Origin::of_path(path).map_err(|error| match error {
        error @ Error::NoRecipe { .. } => Failure::usage(format!(
            "{error}; name the .mxp file of a network that mixpress trained, or a TOML file of settings"
        )),
        error => Failure::Failed(anyhow::Error::from(error).context(format!("cannot repeat {}", path.display()))),
    })
}

/// The recipe of a TOML file.
fn written(path: &Path) -> Result<Recipe, Failure> {
    if let Some(mistaken) = kinds::mistaken(path, Wanted::Recipe) {
        return Err(Failure::failed(mistaken));
    }
    let text = read_text(path)?;
    if text.is_empty() && path.extension().is_some_and(|ending| ending == "mxp") {
        return Err(Failure::failed(format!("{} is no .mxp file: it is empty", path.display())));
    }
    Recipe::from_toml(&text).with_context(|| format!("recipe {}", path.display())).map_err(Failure::Usage)
}

/// The network that was named; otherwise that of the file to repeat, if there is one; otherwise the default.
pub(crate) fn network_of(
    args: &CompressArgs,
    told: Option<Definition>,
    defaults: &Defaults,
) -> Result<Definition, Failure> {
    match (&args.network, told, &args.recipe) {
        (Some(name), ..) => network(name),
        (None, Some(told), _) => Ok(told),
        (None, None, Some(path)) if is_mxp(path) => Err(Failure::usage(format!(
            "{} holds no definition of its network; name the network with --network",
            path.display()
        ))),
        (None, None, _) => network(defaults.network),
    }
}

/// A network of the zoo, or of a TOML file.
fn network(name: &str) -> Result<Definition, Failure> {
    if let Some(definition) = zoo::by_name(name) {
        return Ok(definition);
    }
    let path = Path::new(name);
    let means_a_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
        || path.components().count() > 1
        || path.is_file();
    if !means_a_file {
        let known = zoo::names().join(", ");
        return Err(Failure::usage(format!("unknown network `{name}`; known are {known}, or name a TOML file")));
    }
    let text = read_text(path)?;
    Definition::from_toml(&text).with_context(|| format!("network {name}")).map_err(Failure::Usage)
}

/// The data that a run is for: what was named, with the column of labels if it is a table, or what the defaults have
/// for such a network.
pub(crate) fn data(
    path: Option<&Path>,
    label: Option<&str>,
    definition: &Definition,
    defaults: &Defaults,
) -> Result<DataSource, Failure> {
    // The digits network would take images of any size: it is known by what it is, not by what it takes.
    let is_for_digits = zoo::by_name("digits-mlp").is_some_and(|digits| digits == *definition);
    let takes_images = || !is_for_digits && definition.lower(&MNIST_ITEM).is_ok();
    open(path, label, takes_images, defaults)
}

/// The data that a file is evaluated on: as [`data`].
pub(crate) fn data_for(
    path: Option<&Path>,
    label: Option<&str>,
    model: &CompressedModel,
    defaults: &Defaults,
) -> Result<DataSource, Failure> {
    let takes_images = || model.network().is_some_and(|network| network.input_shape() == MNIST_ITEM);
    open(path, label, takes_images, defaults)
}

fn open(
    path: Option<&Path>,
    label: Option<&str>,
    takes_images: impl FnOnce() -> bool,
    defaults: &Defaults,
) -> Result<DataSource, Failure> {
    let path = match (path, &defaults.images) {
        (Some(path), _) => path,
        (None, Some(images)) if takes_images() => images,
        (None, _) => return Ok(train::digits()),
    };
    let data = match label {
        None => train::open(path),
        Some(label) if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) => {
            train::open_csv(path, label)
        }
        Some(_) => {
            let path = path.display();
            return Err(Failure::usage(format!("--label names a column of a .csv file, and {path} is none")));
        }
    };
    data.map_err(|error| {
        let is_usage = matches!(error, train::Error::UnknownFile { .. });
        let error = anyhow::Error::from(error).context("cannot use the data");
        if is_usage { Failure::Usage(error) } else { Failure::Failed(error) }
    })
}

/// The text of a file of settings.
fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
