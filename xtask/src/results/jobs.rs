//! The jobs: what `docs/recipes/jobs.toml` says.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::place::Place;

/// Where jobs and recipes stand, from the repository's root.
const FOLDER: &str = "docs/recipes";

/// A network that is compressed on data by a recipe, once for each seed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    pub(super) name: String,
    network: String,
    data: Data,
    /// A file beside the jobs.
    recipe: String,
    seeds: Vec<u64>,
    /// Further arguments of the program.
    #[serde(default)]
    flags: Vec<String>,
}

/// Data that come with the repository.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Data {
    Mnist,
    Digits,
}

/// What the file is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jobs {
    job: Vec<Job>,
}

/// A job with one of its seeds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) job: &'a Job,
    pub(super) seed: u64,
}

/// All jobs in the order of the file.
pub(super) fn read(root: &Path) -> anyhow::Result<Vec<Job>> {
    let path = root.join(FOLDER).join("jobs.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let Jobs { job: jobs } = toml::from_str(&text).with_context(|| format!("jobs {}", path.display()))?;
    let mut names = BTreeSet::new();
    for job in &jobs {
        if !names.insert(&job.name) {
            bail!("{}: {} is there twice", path.display(), job.name);
        }
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !job.name.chars().all(is_safe) {
            bail!("{}: {:?} must be a name of letters, digits, hyphens and dots", path.display(), job.name);
        }
    }
    Ok(jobs)
}

/// The runs of the named jobs, of all where none is named; where a seed is given, those of that seed.
pub(super) fn chosen<'a>(jobs: &'a [Job], names: &[String], seed: Option<u64>) -> anyhow::Result<Vec<Run<'a>>> {
    let known = || jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>().join(", ");
    for name in names {
        if jobs.iter().all(|job| job.name != *name) {
            bail!("there is no job {name}; there are {}", known());
        }
    }
    let named = jobs.iter().filter(|job| names.is_empty() || names.contains(&job.name));
    let runs = named.flat_map(|job| job.seeds.iter().map(move |&own| Run { job, seed: own }));
    let runs: Vec<Run<'_>> = runs.filter(|run| seed.is_none_or(|seed| seed == run.seed)).collect();
    if runs.is_empty() {
        bail!("none of these jobs has that seed");
    }
    Ok(runs)
}

impl Run<'_> {
    /// The command that anybody could give, from the repository's root.
    pub(super) fn command(&self, place: &Place) -> Vec<String> {
        let Job { network, data, recipe, flags, .. } = self.job;
        let mut words: Vec<String> = ["mixpress", "compress", "--network", network].map(str::to_owned).into();
        if let Data::Mnist = data {
            words.extend(["--data", "xtask/data/mnist"].map(str::to_owned));
        }
        words.extend(["--recipe".to_owned(), format!("{FOLDER}/{recipe}")]);
        words.extend(["--seed".to_owned(), self.seed.to_string()]);
        words.extend(flags.iter().cloned());
        words.extend(["--threads".to_owned(), place.threads.to_string()]);
        words
    }

    /// Where the run writes, from the repository's root.
    pub(super) fn folder(&self) -> String {
        format!("target/results/{}-{}", self.job.name, self.seed)
    }

    /// The file that it makes.
    pub(super) fn file(&self) -> String {
        format!("{}/{}.mxp", self.folder(), self.job.name)
    }
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, seed {}", self.job.name, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mixpress_cli::mixpress::prelude::{Recipe, zoo};
    use mixpress_cli::{Cli, Command};

    use super::*;
    use crate::repository;

    #[test]
    fn every_job_is_a_command_with_a_recipe_that_is_there() {
        let (root, place) = (repository::root(), Place::example());
        let jobs = read(&root).expect("the jobs");
        assert!(jobs.len() > 3);
        for run in chosen(&jobs, &[], None).expect("runs") {
            let parsed = Cli::try_parse_from(run.command(&place)).unwrap_or_else(|error| panic!("{run}: {error}"));
            let Command::Compress(args) = parsed.command else { panic!("{run} does not compress") };
            assert!(zoo::by_name(&args.network.expect("a network")).is_some(), "{run}");
            assert!(args.data.is_none_or(|data| root.join(data).is_dir()), "{run}");
            let recipe = fs::read_to_string(root.join(args.recipe.expect("a recipe"))).expect("the recipe");
            Recipe::from_toml(&recipe).unwrap_or_else(|error| panic!("{run}: {error}"));
        }
    }

    #[test]
    fn every_recipe_belongs_to_a_job() {
        let root = repository::root();
        let jobs = read(&root).expect("the jobs");
        for entry in fs::read_dir(root.join(FOLDER)).expect("recipes") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            assert!(name == "jobs.toml" || jobs.iter().any(|job| job.recipe == name), "{name} belongs to no job");
        }
    }

    #[test]
    fn jobs_are_chosen_by_name_and_seed() {
        let jobs = read(&repository::root()).expect("the jobs");
        let name = [jobs[0].name.clone()];
        let runs = chosen(&jobs, &name, None).expect("runs");
        assert_eq!(runs.len(), jobs[0].seeds.len());
        let runs = chosen(&jobs, &name, Some(0)).expect("a run");
        assert_eq!(runs.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("{}, seed 0", name[0])]);
        let error = chosen(&jobs, &["lenet".to_owned()], None).unwrap_err().to_string();
        assert!(error.contains("lenet;") && error.contains("lenet-300-100"), "{error}");
        assert!(chosen(&jobs, &name, Some(u64::MAX)).is_err());
    }
}
