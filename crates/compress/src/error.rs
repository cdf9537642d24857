//! The one error of this crate.

use std::io;
use std::path::PathBuf;

/// What kept a compression, or the use of a compressed file, from succeeding.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A recipe cannot be read, or a setting is out of its range.
    #[error("the recipe cannot be used: {0}")]
    Recipe(String),
    /// A setting is out of its range.
    #[error("{setting} is {value}, but must be {range}")]
    Setting {
        /// Name of the setting in a recipe.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// The values that are allowed.
        range: &'static str,
    },
    /// A file does not tell of a run that has a recipe.
    #[error("there is no recipe in {path}: {reason}")]
    NoRecipe {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        reason: &'static str,
    },
    /// The builder was not told what to compress.
    #[error("no {0} was given")]
    Missing(&'static str),
    /// The network's output does not fit the data's classes.
    #[error("the network has {outputs} outputs, but the data {classes} classes")]
    Classes {
        /// Outputs of the network.
        outputs: usize,
        /// Classes of the data.
        classes: usize,
    },
    /// The network ends in images instead of one number a class.
    #[error(
        "the network ends in images of shape {got:?}, not in one number a class; end it with a flatten or a dense layer"
    )]
    OutputShape {
        /// Shape of an output.
        got: Vec<usize>,
    },
    /// A data set's items are not shaped like the network's input.
    #[error("the network takes inputs of shape {expected:?}, but the data's items have shape {got:?}")]
    InputShape {
        /// Shape that the network takes.
        expected: Vec<usize>,
        /// Shape of the items.
        got: Vec<usize>,
    },
    /// The network's definition is wrong, or does not fit the data.
    #[error(transparent)]
    Network(#[from] mixpress_network::Error),
    /// Training failed.
    #[error(transparent)]
    Train(mixpress_train::Error),
    /// The mixture's settings are wrong.
    #[error(transparent)]
    Mixture(#[from] mixpress_mixture::Error),
    /// A layer could not be quantised.
    #[error(transparent)]
    Quantize(#[from] mixpress_quantize::Error),
    /// An `.mxp` file is damaged or cannot be written.
    #[error(transparent)]
    Codebook(#[from] mixpress_codebook::Error),
    /// A model of another program is not what its format asks for, or cannot be written.
    #[error(transparent)]
    Interchange(#[from] mixpress_interchange::Error),
    /// A model is of another format than the one that was asked for.
    #[error("{path} is no {wanted} model")]
    Format {
        /// The model.
        path: PathBuf,
        /// The format that was asked for.
        wanted: &'static str,
    },
    /// What names tensors and their treatment cannot be understood.
    #[error("{rule} is no rule for tensors: {reason}")]
    Rule {
        /// What was written.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of sensitivities cannot be used.
    #[error("{path} holds no sensitivities of tensors: {reason}")]
    Sensitivities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Sensitivities are those of another model.
    #[error("none of the model's tensors has a sensitivity; they were measured on {model}")]
    OtherSensitivities {
        /// The model that they were measured on.
        model: String,
    },
    /// Outputs are to be compared, and nobody gave inputs.
    #[error("an output error can only be limited with inputs to run the model on")]
    NoInputs,
    /// A model that has no graph is to be run.
    #[error("{path} holds tensors without a graph, so it cannot be run; export the model to ONNX")]
    NoGraph {
        /// The model.
        path: PathBuf,
    },
    /// A model cannot be run, or its outputs cannot be compared.
    #[cfg(feature = "rten")]
    #[error(transparent)]
    Runtime(#[from] mixpress_runtime::Error),
    /// No file of a model meets the goal.
    #[error("{goal} cannot be reached; the nearest is {nearest}")]
    OutOfReach {
        /// The goal, in words.
        goal: String,
        /// What comes nearest, with its unit.
        nearest: String,
    },
    /// Something that was asked cannot be done.
    #[error("{what}{}", and_more(*.others))]
    NotDone {
        /// The first thing.
        what: String,
        /// How many others there are.
        others: usize,
    },
    /// The file holds a network that was trained here, not another program's model.
    #[error("{path} holds no other program's model, but a network that mixpress trained")]
    NotImported {
        /// The file.
        path: PathBuf,
    },
    /// The file holds another program's model, which cannot be run here.
    #[error(
        "the file holds another program's model, not a network that was trained here; an ONNX model runs by `ModelFile::predict` (mixpress predict), any other where it came from"
    )]
    Imported,
    /// The file was made of another model.
    #[error("{file} was not made of this model")]
    OtherModel {
        /// The file.
        file: PathBuf,
    },
    /// A tensor that is kept exactly is not what it was.
    #[error("{tensor} in {file} should be exact and is not")]
    NotExact {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// The file holds no network, only tensors.
    #[error("the file holds no network definition, so nothing can be predicted with it; its tensors can be read")]
    NoDefinition,
    /// The file's tensors do not fit its network.
    #[error("the file's tensors do not fit its network: {0}")]
    Tensors(String),
    /// The output exists.
    #[error("{path} exists already and was not replaced")]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The output could not be written at the end of a run, which was saved elsewhere.
    #[error("{problem}; the result was saved as {saved}")]
    Saved {
        /// What kept the output from being written.
        problem: Box<Self>,
        /// Where the result is.
        saved: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another run is using the folder of checkpoints at this moment.
    #[error("another run is using the checkpoints in {path}; wait for its end or name another folder")]
    CheckpointInUse {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint belongs to another run.
    #[error("the checkpoint in {path} belongs to another run: {difference}")]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// There is a checkpoint that a new run would overwrite.
    #[error("{path} holds the checkpoint of an earlier run: resume it, delete it, or name another folder")]
    CheckpointExists {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing to resume.
    #[error("there is no checkpoint in {path}")]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
    },
    /// The run was cancelled.
    #[error("the run was interrupted{}", .checkpoint.as_ref().map_or(String::new(), |path| format!("; it can go on from {}", path.display())))]
    Interrupted {
        /// Folder of the checkpoint, if one was kept.
        checkpoint: Option<PathBuf>,
        /// The best file that a search had made by then, if it could be saved in that folder.
        best: Option<PathBuf>,
    },
    /// The time that a search was given was over before it had made a file.
    #[error(
        "the time limit was over after {seconds:.1} s, before there was a first file; a longer one finds it, and a search \
         with a checkpoint can be resumed"
    )]
    TimeLimit {
        /// Seconds that passed.
        seconds: f64,
    },
    /// A budget that no file can keep, or that says nothing.
    #[error("a budget of {value} {what}: {reason}")]
    Budget {
        /// What was given.
        value: f64,
        /// In which unit.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl From<mixpress_train::Error> for Error {
    fn from(error: mixpress_train::Error) -> Self {
        match error {
            mixpress_train::Error::Write { path, source } if source.kind() == io::ErrorKind::AlreadyExists => {
                Self::Exists { path }
            }
            mixpress_train::Error::Write { path, source } => Self::Write { path, source },
            error => Self::Train(error),
        }
    }
}

/// What is said of so many further problems.
fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "; and one thing more".to_owned(),
        _ => format!("; and {count} things more"),
    }
}
