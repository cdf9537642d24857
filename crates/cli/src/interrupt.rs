//! Ctrl-C: once to stop at the next step (and save what a run knows), twice to leave at once.

use std::process;

use mixpress::prelude::CancelToken;

use crate::failure::INTERRUPTED;
use crate::progress::Lines;

/// Cancels `token` at the first SIGINT, SIGTERM or SIGHUP, with a line that says what that does if there is one, and
/// ends the program at the second.
///
/// Also where the signal was ignored before, as shells have it for what they start in the background. A process can have
/// one such handler: a second run in the same process goes on without.
pub(crate) fn cancel_on_signal(token: CancelToken, notice: Option<(Lines, &'static str)>) {
    let set = ctrlc::set_handler(move || {
        if token.is_cancelled() {
            process::exit(INTERRUPTED.into());
        }
        token.cancel();
        if let Some((lines, what)) = &notice {
            lines.write_line(&format!("{what}; Ctrl-C again leaves at once"));
        }
    });
    if let Err(error) = set {
        tracing::warn!(%error, "Ctrl-C will end the program at once");
    }
}
