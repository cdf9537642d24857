//! What the libraries report by `tracing`, as lines above the progress bars.

use std::io::{self, IsTerminal, Write};

use tracing::level_filters::LevelFilter;

use crate::args::Talk;
use crate::progress::Lines;

/// Runs `job` with a subscriber that writes to standard error: errors when quiet, warnings by default, everything from
/// `-vv` on.
pub(crate) fn with_logging<R>(talk: &Talk, lines: &Lines, job: impl FnOnce() -> R) -> R {
    let level = match talk {
        Talk { quiet: true, .. } => LevelFilter::ERROR,
        Talk { verbose: 0 | 1, .. } => LevelFilter::WARN,
        Talk { verbose: _, .. } => LevelFilter::TRACE,
    };
    let lines = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .with_writer(move || LineWriter(lines.clone()))
        .finish();
    tracing::subscriber::with_default(subscriber, job)
}

/// A writer for the subscriber, which writes a whole line at a time.
struct LineWriter(Lines);

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_line(String::from_utf8_lossy(bytes).trim_end_matches('\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
