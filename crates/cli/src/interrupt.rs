//! Ctrl-C: once to stop at the next step (and save what a run knows), twice to leave at once.

use std::process;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mixpress::prelude::CancelToken;

use crate::failure::INTERRUPTED;
use crate::progress::Lines;

/// Signals that come so soon after the first are the same one: `timeout` and terminals send it to a process and to its
/// group.
const SAME: Duration = Duration::from_secs(1);

/// Cancels `token` at the first SIGINT, SIGTERM or SIGHUP, with a line that says what that does if there is one, and
/// ends the program at the next one, a second later or more.
///
/// A SIGHUP that was ignored before stays so, as `nohup` wants it. The others are taken even then: shells ignore them
/// for what they start in the background. A process can have one such handler: a second run in the same process goes on
/// without.
pub(crate) fn cancel_on_signal(token: CancelToken, notice: Option<(Lines, &'static str)>) {
    let first: Mutex<Option<Instant>> = Mutex::new(None);
    let set = on_signal(move || {
        let Ok(mut first) = first.lock() else { return };
        if let Some(first) = *first {
            if first.elapsed() >= SAME {
                process::exit(INTERRUPTED.into());
            }
            return;
        }
        *first = Some(Instant::now());
        token.cancel();
        if let Some((lines, what)) = &notice {
            lines.write_line(&format!("{what}; Ctrl-C again leaves at once"));
        }
    });
    if let Err(error) = set {
        tracing::warn!(%error, "Ctrl-C will end the program at once");
    }
}

/// Calls `act` at each signal that asks to end, from a thread of its own.
#[cfg(unix)]
fn on_signal(act: impl Fn() + Send + 'static) -> std::io::Result<()> {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    static IS_SET: AtomicBool = AtomicBool::new(false);
    if IS_SET.swap(true, Ordering::Relaxed) {
        return Err(std::io::Error::other("the process has a handler already"));
    }
    let mut signals = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    let mut signals = Signals::new(signals)?;
    thread::Builder::new().name("signals".into()).spawn(move || signals.forever().for_each(|_| act()))?;
    Ok(())
}

/// Whether this process ignores a signal, as far as the system tells: Linux does, in a bit mask.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// Calls `act` at each Ctrl-C.
#[cfg(not(unix))]
fn on_signal(act: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(act)
}
