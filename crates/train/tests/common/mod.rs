//! Stopping a run after some steps, and what it leaves behind.

use std::cell::RefCell;

use mixpress_train::{CancelToken, Error, Keeper, Observer, PhaseName, Snapshot};

/// Cancels a run after some steps.
pub struct StopAt {
    pub step: u64,
    pub token: CancelToken,
}

impl Observer for StopAt {
    fn stepped(&self, _: PhaseName, step: u64) {
        if step == self.step {
            self.token.cancel();
        }
    }
}

/// Keeps the snapshot of where a run stopped.
#[derive(Default)]
pub struct Keep(pub RefCell<Option<Snapshot>>);

impl Keeper for Keep {
    fn round_ended(&self, _: &dyn Fn() -> Snapshot) -> Result<(), Error> {
        Ok(())
    }

    fn interrupted(&self, snapshot: &dyn Fn() -> Snapshot) -> Result<(), Error> {
        *self.0.borrow_mut() = Some(snapshot());
        Ok(())
    }
}
