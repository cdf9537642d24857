//! `cargo xtask picture`: one layer's weights before and after compression, drawn for the README.
//!
//! The network is trained and compressed in memory. The weights before are those of the float network at the end of plain
//! training, the weights after are read back from the bytes of the file.

mod histograms;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use mixpress_cli::mixpress::prelude::{Compressor, DataSource, Definition, Recipe, zoo};
use mixpress_cli::mixpress::train;

use self::histograms::Histograms;
use crate::repository;

/// Arguments of `picture`.
#[derive(Debug, Args)]
pub struct PictureArgs {
    /// A network by its name; digits-mlp takes seconds, lenet-300-100 a minute or two.
    #[arg(long, default_value = "digits-mlp")]
    network: String,
    /// The layer whose weights are drawn.
    #[arg(long, default_value = "fc1")]
    layer: String,
    /// The seed of the run.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The file to write [default: docs/pictures/weights.svg in the repository].
    #[arg(short, long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
}

/// Trains, compresses, draws; the file is written whole or not at all.
pub fn run(args: &PictureArgs) -> anyhow::Result<()> {
    let known = || format!("unknown network {}; known are {}", args.network, zoo::names().join(", "));
    let network = zoo::by_name(&args.network).with_context(known)?;
    let data = data(&network)?;
    let name = format!("{}.weight", args.layer);
    let graph = network.lower(data.train.item_shape())?;
    if graph.parameter_index(&name).is_none() {
        let specs = graph.parameters().iter().filter(|spec| spec.kind.is_weight());
        let layers: Vec<&str> = specs.filter_map(|spec| spec.name.strip_suffix(".weight")).collect();
        bail!("{} has no layer {}; its layers are {}", network.name, args.layer, layers.join(", "));
    }

    let recipe = Recipe { seed: args.seed, ..Recipe::default() };
    let title = network.name.clone();
    let compressed = Compressor::builder().network(network).data(data).recipe(recipe).build()?.run()?;
    let before = compressed.float.parameters().get(&name).context("the float network has the layer")?;
    let model = compressed.model()?;
    let (_, after) = model.tensor(&name).context("the file has the layer")?;
    let svg = Histograms { network: &title, layer: &args.layer, before: before.data(), after: &after }.svg();

    let out = args.out.clone().unwrap_or_else(|| repository::root().join("docs/pictures/weights.svg"));
    train::write_whole(&out, svg.as_bytes())?;
    println!("written to {}", out.display());
    Ok(())
}

/// The data that stand in the repository for such a network: MNIST, or the embedded digits for the network named so.
fn data(network: &Definition) -> anyhow::Result<DataSource> {
    if *network == zoo::digits_mlp() {
        return Ok(train::digits());
    }
    train::open(&repository::root().join("xtask/data/mnist")).context("cannot use the data")
}
