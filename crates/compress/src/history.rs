//! The readings of a run and its time, remembered for its outcome; readings are passed on to whoever watches.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mixpress_train::{Measurement, Observer, PhaseName};

/// The time of a run, of which a part may have passed before it was interrupted.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    before: f64,
    started: Instant,
}

impl Clock {
    /// A clock that starts now, `before` seconds into the run.
    pub fn start(before: f64) -> Self {
        Self { before, started: Instant::now() }
    }

    /// Seconds of the run so far.
    pub fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }
}

/// Remembers every reading and passes everything on.
pub(crate) struct Recorder<'a> {
    watcher: &'a dyn Observer,
    readings: Mutex<Vec<Measurement>>,
}

impl<'a> Recorder<'a> {
    /// A recorder that has seen `readings` already, in the part of the run before it was interrupted.
    pub fn new(watcher: &'a dyn Observer, readings: Vec<Measurement>) -> Self {
        Self { watcher, readings: Mutex::new(readings) }
    }

    /// All readings so far.
    pub fn readings(&self) -> Vec<Measurement> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Measurement>> {
        // Only whole readings are ever pushed, so a panic elsewhere cannot leave half of one.
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder<'_> {
    fn phase_started(&self, phase: PhaseName, step: u64, steps: u64) {
        self.watcher.phase_started(phase, step, steps);
    }

    fn stepped(&self, phase: PhaseName, step: u64) {
        self.watcher.stepped(phase, step);
    }

    fn measured(&self, measurement: &Measurement) {
        self.lock().push(measurement.clone());
        self.watcher.measured(measurement);
    }

    fn phase_finished(&self, phase: PhaseName) {
        self.watcher.phase_finished(phase);
    }
}
