//! Ctrl-C: once to stop at the next step and save, twice to leave at once.

use std::process;

use mixpress::prelude::CancelToken;

use crate::failure::INTERRUPTED;
use crate::progress::Progress;

/// Cancels `token` at the first SIGINT, SIGTERM or SIGHUP and ends the program at the second.
///
/// Also where the signal was ignored before, as shells have it for what they start in the background. A process can have
/// one such handler: a second run in the same process goes on without.
pub(crate) fn cancel_on_signal(token: CancelToken, progress: &Progress) {
    let lines = progress.lines();
    let set = ctrlc::set_handler(move || {
        if token.is_cancelled() {
            process::exit(INTERRUPTED.into());
        }
        token.cancel();
        lines.write_line("stopping at the next step and saving; Ctrl-C again leaves at once");
    });
    if let Err(error) = set {
        tracing::warn!(%error, "Ctrl-C will not save the run");
    }
}
