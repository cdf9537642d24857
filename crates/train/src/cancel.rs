//! A token by which another thread asks a run to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Shared by the one who may cancel and the loop that asks; clones refer to the same flag.
///
/// ```
/// let token = mixpress_train::CancelToken::new();
/// let for_the_handler = token.clone();
/// for_the_handler.cancel();
/// assert!(token.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl CancelToken {
    /// A token that nobody has cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to stop at its next step. Safe to call from a signal handler's thread, any number of times.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// The same token, which also stops the run at a time.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Whether somebody asked the run to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Whether the time of the run is over.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether the run is to stop: somebody asked for it, or its time is over.
    #[must_use]
    pub fn must_stop(&self) -> bool {
        self.is_cancelled() || self.is_expired()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_stops_a_run_that_nobody_cancelled() {
        let token = CancelToken::new();
        assert!(!token.must_stop());
        let late = token.clone().with_deadline(Instant::now());
        assert!(late.must_stop() && !late.is_cancelled() && !token.must_stop());
        assert!(!token.clone().with_deadline(Instant::now() + Duration::from_hours(1)).must_stop());
        late.cancel();
        assert!(token.is_cancelled() && token.must_stop());
    }
}
