//! How far the compression of a trained model is: a bar, a stage after the other.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mixpress::compress::{ModelObserver, Stage};

use super::Lines;
use crate::args::Talk;

/// Watches the compression of a trained model and shows how far it is.
pub(crate) struct ModelProgress {
    lines: Lines,
    bar: ProgressBar,
}

impl ModelProgress {
    /// A bar is drawn when standard error is a terminal and nobody asked for quiet.
    pub(crate) fn new(talk: &Talk) -> Self {
        let target = if talk.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bars = MultiProgress::with_draw_target(target);
        let template = "{prefix:>8} [{bar:30}] {bytes} of {total_bytes}  about {eta} left";
        let style = ProgressStyle::with_template(template).expect("a fixed template").progress_chars("=> ");
        let hidden = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_style(style);
        Self { bar: bars.add(hidden), lines: Lines(bars) }
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
                Stage::Fitting => "fitting",
                Stage::Writing => "writing",
                Stage::Checking => "checking",
            });
        }
        self.bar.set_position(done);
    }
}
