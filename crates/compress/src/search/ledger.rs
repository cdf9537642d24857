//! The parts of a search that are done, in memory and in a folder: what lets it go on after an interruption.
//!
//! A search is a chain of parts, each a function of parts before it: so a search that begins anew, but finds some of
//! its parts done already, ends where one that was never interrupted does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mixpress_train::{CancelToken, Error as TrainError, Keeper, Snapshot};

use crate::Error;
use crate::checkpoint::{ENDING, FILE, is_state, refuse_other_run};
use crate::history::{Clock, Recorder};

/// Name of the file that is the best of an interrupted search.
pub(crate) const BEST: &str = "best.mxp";
/// What the name of a part's file begins with once it is done.
const DONE: &str = "done-";
/// What it begins with while it runs.
const RUNNING: &str = "running-";

/// Remembers parts, and where they are kept.
pub(crate) struct Ledger<'a> {
    folder: Option<&'a Path>,
    folder_on_interrupt: Option<&'a Path>,
    /// What the search is of; a folder of another is refused.
    identity: String,
    /// By which somebody may interrupt the search.
    cancel: CancelToken,
    clock: Clock,
    /// Whether what other runs left in the folder for interruptions is gone.
    is_swept: AtomicBool,
    /// By the name of the file without its ending.
    parts: Mutex<BTreeMap<String, Snapshot>>,
}

impl<'a> Ledger<'a> {
    /// A ledger without parts.
    pub fn new(
        folder: Option<&'a Path>,
        folder_on_interrupt: Option<&'a Path>,
        identity: String,
        cancel: CancelToken,
    ) -> Self {
        let (clock, parts) = (Clock::start(0.0), Mutex::default());
        Self { folder, folder_on_interrupt, identity, cancel, clock, is_swept: AtomicBool::new(false), parts }
    }

    /// A ledger with the parts in a folder.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] where there are none, [`Error::OtherRun`], and what reading them meets.
    pub fn resumed(folder: &'a Path, identity: String, cancel: CancelToken) -> Result<Self, Error> {
        let refused = |source| Error::Read { path: folder.into(), source };
        let mut parts = BTreeMap::new();
        let mut seconds: f64 = 0.0;
        for file in fs::read_dir(folder).map_err(refused)? {
            let path = file.map_err(refused)?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_part = name.starts_with(DONE) || name.starts_with(RUNNING);
            if !is_part || !is_state(&path) {
                continue;
            }
            let snapshot = Snapshot::load(&path)?;
            refuse_other_run(folder, snapshot.get_text("identity")?, &identity)?;
            seconds = seconds.max(snapshot.get_json("seconds")?);
            parts.insert(name, snapshot);
        }
        if parts.is_empty() && folder.join(FILE).exists() {
            let difference = "it holds the state of a run without a budget, and this is a search".into();
            return Err(Error::OtherRun { path: folder.into(), difference });
        }
        if parts.is_empty() {
            return Err(Error::NoCheckpoint { path: folder.into() });
        }
        let (clock, parts) = (Clock::start(seconds), Mutex::new(parts));
        Ok(Self { clock, parts, ..Self::new(Some(folder), None, identity, cancel) })
    }

    /// Seconds of the search so far.
    pub fn seconds(&self) -> f64 {
        self.clock.seconds()
    }

    /// The folder in which an interrupted search leaves its parts.
    pub fn folder_after_interrupt(&self) -> Option<PathBuf> {
        self.folder.or(self.folder_on_interrupt).map(Path::to_path_buf)
    }

    /// A part that is done.
    pub fn done(&self, part: &str) -> Option<Snapshot> {
        self.lock().get(&format!("{DONE}{part}")).cloned()
    }

    /// Where a part stood when the search was interrupted.
    pub fn running(&self, part: &str) -> Option<Snapshot> {
        self.lock().get(&format!("{RUNNING}{part}")).cloned()
    }

    /// Remembers a part that is done.
    pub fn finish(&self, part: &str, mut snapshot: Snapshot) -> Result<(), Error> {
        self.sign(&mut snapshot);
        let (done, running) = (format!("{DONE}{part}"), format!("{RUNNING}{part}"));
        if let Some(folder) = self.folder {
            write(folder, &done, &snapshot)?;
            // What is left behind is of a part that is done: nobody looks at it.
            let _ = fs::remove_file(file_in(folder, &running));
        }
        let mut parts = self.lock();
        parts.remove(&running);
        parts.insert(done, snapshot);
        Ok(())
    }

    /// Keeps a part as it runs; `history` are its readings.
    pub fn keeper<'k>(&'k self, part: &'k str, history: &'k Recorder<'k>) -> PartKeeper<'k> {
        PartKeeper { ledger: self, part, history }
    }

    fn sign(&self, snapshot: &mut Snapshot) {
        snapshot.put_text("identity", &self.identity);
        snapshot.put_json("seconds", &self.seconds());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Snapshot>> {
        // Only whole parts are ever put in, so a panic elsewhere cannot leave half of one.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file_in(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{ENDING}"))
}

/// Removes what another run left in a folder that is for interrupted runs: it has been given up.
fn sweep(folder: &Path) -> Result<(), TrainError> {
    let refused = |source| TrainError::Write { path: folder.into(), source };
    if !folder.exists() {
        return Ok(());
    }
    for file in fs::read_dir(folder).map_err(refused)? {
        let path = file.map_err(refused)?.path();
        if is_state(&path) || path.file_name().is_some_and(|name| name == BEST) {
            fs::remove_file(&path).map_err(refused)?;
        }
    }
    Ok(())
}

fn write(folder: &Path, name: &str, snapshot: &Snapshot) -> Result<(), TrainError> {
    fs::create_dir_all(folder).map_err(|source| TrainError::Write { path: folder.into(), source })?;
    snapshot.save(&file_in(folder, name))
}

/// Keeps one part of a search as it runs.
pub(crate) struct PartKeeper<'a> {
    ledger: &'a Ledger<'a>,
    part: &'a str,
    history: &'a Recorder<'a>,
}

impl PartKeeper<'_> {
    fn save(&self, folder: &Path, snapshot: &dyn Fn() -> Snapshot) -> Result<(), TrainError> {
        let mut snapshot = snapshot();
        snapshot.put_json("history", &self.history.readings());
        self.ledger.sign(&mut snapshot);
        write(folder, &format!("{RUNNING}{}", self.part), &snapshot)
    }
}

impl Keeper for PartKeeper<'_> {
    fn round_ended(&self, snapshot: &dyn Fn() -> Snapshot) -> Result<(), TrainError> {
        self.ledger.folder.map_or(Ok(()), |folder| self.save(folder, snapshot))
    }

    fn interrupted(&self, snapshot: &dyn Fn() -> Snapshot) -> Result<(), TrainError> {
        if let Some(folder) = self.ledger.folder {
            return self.save(folder, snapshot);
        }
        let Some(folder) = self.ledger.folder_on_interrupt else { return Ok(()) };
        // A search whose time is over ends with a result, and leaves nothing else.
        if !self.ledger.cancel.is_cancelled() {
            return Ok(());
        }
        let parts = self.ledger.lock();
        if !self.ledger.is_swept.swap(true, Ordering::Relaxed) {
            sweep(folder)?;
        }
        for (name, part) in &*parts {
            write(folder, name, part)?;
        }
        drop(parts);
        self.save(folder, snapshot)
    }
}
