//! Checkpoints of a run: the running phase's snapshot, together with what the phases before it left.

use std::cell::{Ref, RefCell};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use mixpress_network::{Definition, Graph, Parameters};
use mixpress_train::{
    CoveredLayer, DataSource, Error as TrainError, JointOutcome, Keeper, Measurement, PhaseName, Snapshot,
    restore_parameters, save_parameters,
};

use crate::details::LayerDetails;
use crate::history::{Clock, Recorder};
use crate::{Error, Recipe};

/// Name of the file in a checkpoint's folder.
pub(crate) const FILE: &str = "checkpoint.safetensors";

/// What names of files with a run's state end in.
pub(crate) const ENDING: &str = "safetensors";

/// Name of the file that is locked while a run uses the folder.
const LOCK: &str = "lock";

/// Keeps checkpoints in a folder: at the end of each round, or only when the run is interrupted.
pub(crate) struct Checkpoints<'a> {
    folder: Option<&'a Path>,
    folder_on_interrupt: Option<&'a Path>,
    recorder: &'a Recorder<'a>,
    /// What the run is of; a checkpoint of another run is refused.
    identity: String,
    clock: Clock,
    float: RefCell<Option<Parameters>>,
    layers: RefCell<Option<Vec<LayerDetails>>>,
}

impl<'a> Checkpoints<'a> {
    pub fn new(
        folder: Option<&'a Path>,
        folder_on_interrupt: Option<&'a Path>,
        recorder: &'a Recorder<'a>,
        identity: String,
        clock: Clock,
    ) -> Self {
        let (float, layers) = (RefCell::new(None), RefCell::new(None));
        Self { folder, folder_on_interrupt, recorder, identity, clock, float, layers }
    }

    /// The folder in which an interrupted run leaves its state.
    pub fn folder_after_interrupt(&self) -> Option<PathBuf> {
        self.folder.or(self.folder_on_interrupt).map(Path::to_path_buf)
    }

    /// Remembers the float network, whose error is read at the very end.
    pub fn keep_float(&self, parameters: Parameters) {
        *self.float.borrow_mut() = Some(parameters);
    }

    /// The float network, at full shape.
    pub fn float(&self) -> Ref<'_, Parameters> {
        Ref::map(self.float.borrow(), |float| float.as_ref().expect("kept at the end of plain training, or restored"))
    }

    /// The float network that was kept.
    pub fn take_float(&self) -> Parameters {
        self.float.borrow_mut().take().expect("kept at the end of plain training, or restored")
    }

    /// Takes the float network out of a snapshot.
    pub fn restore_float(&self, snapshot: &Snapshot, graph: &Graph) -> Result<(), Error> {
        self.keep_float(restore_parameters(snapshot, "float", graph)?);
        Ok(())
    }

    /// Remembers what joint training left of the network's covered layers, for whoever looks at it.
    pub fn keep_layers(&self, covered: &[CoveredLayer], joint: &JointOutcome) {
        let layers = LayerDetails::all(covered, &self.float(), joint);
        *self.layers.borrow_mut() = Some(layers);
    }

    /// The layers that were kept.
    pub fn take_layers(&self) -> Vec<LayerDetails> {
        self.layers.borrow_mut().take().expect("kept at the end of joint training, or restored")
    }

    /// Takes the layers out of a snapshot.
    pub fn restore_layers(&self, snapshot: &Snapshot) -> Result<(), Error> {
        *self.layers.borrow_mut() = Some(snapshot.get_json("layers")?);
        Ok(())
    }

    fn save(&self, folder: Option<&Path>, snapshot: &dyn Fn() -> Snapshot) -> Result<(), TrainError> {
        let Some(folder) = folder else { return Ok(()) };
        let mut snapshot = snapshot();
        snapshot.put_text("identity", &self.identity);
        snapshot.put_json("history", &self.recorder.readings());
        snapshot.put_json("seconds", &self.clock.seconds());
        if let Some(float) = &*self.float.borrow() {
            save_parameters(&mut snapshot, "float", float);
        }
        if let Some(layers) = &*self.layers.borrow() {
            snapshot.put_json("layers", layers);
        }
        fs::create_dir_all(folder).map_err(|source| TrainError::Write { path: folder.into(), source })?;
        snapshot.save(&folder.join(FILE))
    }
}

impl Keeper for Checkpoints<'_> {
    fn round_ended(&self, snapshot: &dyn Fn() -> Snapshot) -> Result<(), TrainError> {
        self.save(self.folder, snapshot)
    }

    fn interrupted(&self, snapshot: &dyn Fn() -> Snapshot) -> Result<(), TrainError> {
        self.save(self.folder.or(self.folder_on_interrupt), snapshot)
    }
}

/// The phase that a snapshot was taken of.
pub(crate) fn phase_of(snapshot: &Snapshot) -> Result<PhaseName, Error> {
    let key = snapshot.get_text("phase")?;
    let unknown = || TrainError::CheckpointEntry { name: "phase".into(), problem: format!("names no phase: {key}") };
    Ok(PhaseName::ALL.into_iter().find(|phase| phase.key() == key).ok_or_else(unknown)?)
}

/// What a run is of, for telling its checkpoints from those of other runs.
pub(crate) fn identity(definition: &Definition, data: &DataSource, recipe: &Recipe) -> String {
    let (train, test) = (&data.train, &data.test);
    format!(
        "network:\n{}data = {}\ntraining items = {}\ntest items = {}\nshape = {:?}\nchecksums of the data = {:08x} {:08x}\nrecipe:\n{}",
        definition.to_toml(),
        train.name(),
        train.len(),
        test.len(),
        train.item_shape(),
        train.checksum(),
        test.checksum(),
        recipe.to_toml(),
    )
}

/// Makes sure before a long run that a folder takes checkpoints and holds none that would be lost.
pub(crate) fn claim(folder: &Path) -> Result<Lock, Error> {
    let refused = |source| Error::Write { path: folder.into(), source };
    fs::create_dir_all(folder).map_err(refused)?;
    if has_state(folder).map_err(refused)? {
        return Err(Error::CheckpointExists { path: folder.into() });
    }
    tempfile::tempfile_in(folder).map_err(refused)?;
    Lock::take(folder)
}

/// Whether a file in a folder of checkpoints is a part of a run's state.
pub(crate) fn is_state(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING)
}

/// Whether a folder holds the state of a run.
pub(crate) fn has_state(folder: &Path) -> io::Result<bool> {
    for file in fs::read_dir(folder)? {
        if is_state(&file?.path()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A folder of checkpoints that no other run may use; the system frees it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder of a run that is to go on.
    ///
    /// # Errors
    /// As [`Lock::take`], and [`Error::NoCheckpoint`] when there is no state of a run.
    pub fn of_earlier_run(folder: &Path) -> Result<Self, Error> {
        if has_state(folder).unwrap_or(false) {
            Self::take(folder)
        } else {
            Err(Error::NoCheckpoint { path: folder.into() })
        }
    }

    /// Takes the folder.
    ///
    /// # Errors
    /// [`Error::CheckpointInUse`] when another run has it.
    pub fn take(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(LOCK);
        let refused = |source| Error::Write { path: path.clone(), source };
        let file = File::options().create(true).append(true).open(&path).map_err(refused)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::CheckpointInUse { path: folder.into() }),
            // Some file systems have no locks: there, it is up to the user.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _file: file }),
        }
    }
}

/// Refuses a folder whose state is of `own`, another run than `identity`.
pub(crate) fn refuse_other_run(folder: &Path, own: &str, identity: &str) -> Result<(), Error> {
    if own == identity {
        return Ok(());
    }
    let differs = own.lines().zip(identity.lines()).find(|(own, ours)| own != ours);
    let difference = match differs {
        Some((own, ours)) => format!("it has `{own}`, this run `{ours}`"),
        None => "one of them has settings that the other lacks".into(),
    };
    Err(Error::OtherRun { path: folder.into(), difference })
}

/// Reads the checkpoint in a folder, with the readings and the seconds up to it.
pub(crate) fn load(folder: &Path, identity: &str) -> Result<(Snapshot, Vec<Measurement>, f64), Error> {
    let path = folder.join(FILE);
    if !path.exists() {
        if has_state(folder).unwrap_or(false) {
            let difference = "it holds the state of a search, and this run has no budget".into();
            return Err(Error::OtherRun { path: folder.into(), difference });
        }
        return Err(Error::NoCheckpoint { path: folder.into() });
    }
    let snapshot = Snapshot::load(&path)?;
    refuse_other_run(folder, snapshot.get_text("identity")?, identity)?;
    let (history, seconds) = (snapshot.get_json("history")?, snapshot.get_json("seconds")?);
    Ok((snapshot, history, seconds))
}
