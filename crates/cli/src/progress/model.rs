//! How far the compression of a trained model is: a bar, a stage after the other.

use indicatif::ProgressBar;
use mixpress::compress::{ModelObserver, Stage};

use super::{Lines, bar, bars};
use crate::args::Talk;

/// Watches the compression of a trained model and shows how far it is.
pub(crate) struct ModelProgress {
    lines: Lines,
    bar: ProgressBar,
}

impl ModelProgress {
    /// A bar is drawn when standard error is a terminal and nobody asked for quiet.
    pub(crate) fn new(talk: &Talk) -> Self {
        let bars = bars(talk);
        let bar = bars.add(bar(0, "{prefix:>9} [{bar:30}] {bytes} of {total_bytes}  about {eta} left"));
        Self { bar, lines: Lines(bars) }
    }

    /// Where other lines may be written while the bar stands.
    pub(crate) fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// Takes the bar away, so that what is printed next stands where it was.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl ModelObserver for ModelProgress {
    fn progress(&self, stage: Stage, done: u64, total: u64) {
        if done == 0 {
            self.bar.reset();
            self.bar.set_length(total);
            self.bar.set_prefix(match stage {
                Stage::Reading => "reading",
                Stage::Measuring => "measuring",
                Stage::Fitting => "fitting",
                Stage::Writing => "writing",
                Stage::Checking => "checking",
            });
        }
        self.bar.set_position(done);
    }
}
