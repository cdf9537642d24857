//! How far the compression of a trained model is, for whoever watches it.

use mixpress_train::CancelToken;

use crate::Error;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Tensors are read, and what is known of their weights is gathered.
    Reading,
    /// Tensors are quantised one by one, and the model is run, to see what that does to its outputs.
    Measuring,
    /// Steps are tried until the file fits the goal.
    Fitting,
    /// Tensors are written.
    Writing,
    /// The file is read back and compared with its source.
    Checking,
}

/// Watches the compression of a trained model.
pub trait ModelObserver: Sync {
    /// So many bytes of the source's tensors, of so many in all, have passed a stage. Fitting may begin anew several times.
    fn progress(&self, stage: Stage, done: u64, total: u64);
}

/// Nobody watches.
impl ModelObserver for () {
    fn progress(&self, _: Stage, _: u64, _: u64) {}
}

/// Counts the tensors that pass a stage, and stops it when somebody asks for that.
pub(super) struct Watch<'a> {
    pub(super) observer: &'a dyn ModelObserver,
    pub(super) cancel: &'a CancelToken,
    pub(super) stage: Stage,
    pub(super) done: u64,
    pub(super) total: u64,
}

impl Watch<'_> {
    /// A tensor of so many bytes is next.
    pub(super) fn next(&mut self, bytes: u64) -> Result<(), Error> {
        if self.cancel.is_cancelled() {
            return Err(Error::Interrupted { checkpoint: None, best: None });
        }
        self.observer.progress(self.stage, self.done, self.total);
        self.done += bytes;
        Ok(())
    }
}
