//! Progress on standard error: a bar a phase and the time left, lines at the ends of rounds when asked for.

mod estimate;
mod model;
mod search;

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mixpress::prelude::{Measurement, Observer, PhaseName, Recipe};
use mixpress::report::duration;
use mixpress::train::ROUND;

use self::estimate::Estimate;
pub(crate) use self::model::ModelProgress;
pub(crate) use self::search::SearchProgress;
use crate::args::Talk;

/// How often the time left is worked out again.
const REFRESH: Duration = Duration::from_millis(250);

/// Watches a run and shows how far it is.
pub(crate) struct Progress {
    lines: Lines,
    verbose: bool,
    start: Instant,
    state: Mutex<State>,
}

/// What changes as the run goes.
struct State {
    estimate: Estimate,
    bar: ProgressBar,
    overall: ProgressBar,
    refreshed: Duration,
}

/// Lines on standard error that do not tear the bars apart.
#[derive(Clone)]
pub(crate) struct Lines(MultiProgress);

impl Lines {
    /// Writes one line above the bars.
    pub(crate) fn write_line(&self, line: &str) {
        // A standard error that cannot be written to is no reason to end a run.
        self.0.suspend(|| {
            let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
        });
    }

    /// Takes the bars away, so that what is printed next stands where they were.
    pub(crate) fn clear(&self) {
        // Nothing depends on it.
        let _ = self.0.clear();
    }
}

impl Progress {
    /// A watcher of a run of `recipe`. Bars are drawn when standard error is a terminal and nobody asked for quiet.
    pub(crate) fn new(talk: &Talk, recipe: &Recipe) -> Self {
        let bars = bars(talk);
        let rounds = [recipe.plain.rounds, recipe.joint.all_rounds(), recipe.hard.rounds, recipe.tied.rounds];
        let estimate = Estimate::new(rounds.map(|rounds| rounds.saturating_mul(ROUND)));
        let overall = bars.add(bar(1000, "{prefix:>16} [{bar:30}] {percent:>3} %  {msg}"));
        overall.set_prefix("all");
        let state = State { estimate, bar: ProgressBar::hidden(), overall, refreshed: Duration::ZERO };
        Self { lines: Lines(bars), verbose: talk.verbose > 0, start: Instant::now(), state: Mutex::new(state) }
    }

    /// Where other lines may be written while the bars stand.
    pub(crate) fn lines(&self) -> Lines {
        self.lines.clone()
    }

    fn with_state(&self, change: impl FnOnce(&mut State, Duration)) {
        // The state is only numbers and bars: whatever panicked while it was held, they are still to be shown.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state, self.start.elapsed());
    }
}

impl State {
    fn refresh(&mut self, now: Duration) {
        self.refreshed = now;
        self.overall.set_position((self.estimate.share_done() * 1000.0) as u64);
        if let Some(left) = self.estimate.seconds_left() {
            self.overall.set_message(format!("about {} left", duration(left)));
        }
    }
}

impl Observer for Progress {
    fn phase_started(&self, phase: PhaseName, step: u64, steps: u64) {
        self.with_state(|state, now| {
            state.estimate.started(phase, step, steps, now);
            state.bar = self.lines.0.insert_before(
                &state.overall,
                bar(steps, "{prefix:>16} [{bar:30}] {percent:>3} %  {human_pos}/{human_len} steps  {msg}"),
            );
            state.bar.set_prefix(phase.title());
            state.bar.set_position(step);
            state.refresh(now);
        });
    }

    fn stepped(&self, phase: PhaseName, step: u64) {
        self.with_state(|state, now| {
            state.estimate.stepped(phase, step, now);
            state.bar.set_position(step);
            if now.saturating_sub(state.refreshed) >= REFRESH {
                state.refresh(now);
            }
        });
    }

    fn measured(&self, measurement: &Measurement) {
        self.with_state(|state, _| {
            state.bar.set_message(format!("{:.2} % validation error", measurement.validation_error));
        });
        if self.verbose {
            self.lines.write_line(&round_line(measurement));
        }
    }

    fn phase_finished(&self, _: PhaseName) {
        self.with_state(|state, now| {
            state.bar.finish();
            state.refresh(now);
        });
    }
}

/// Room for bars, drawn when standard error is a terminal and nobody asked for quiet.
fn bars(talk: &Talk) -> MultiProgress {
    let target = if talk.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
    MultiProgress::with_draw_target(target)
}

/// A bar of `length` steps.
fn bar(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("a fixed template").progress_chars("=> ");
    ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden()).with_style(style)
}

/// What `-v` says at the end of a round.
fn round_line(measurement: &Measurement) -> String {
    let Measurement { phase, step, loss, validation_error, nonzero, components, .. } = measurement;
    let mut line = format!(
        "{:<15} step {step:>6}  loss {loss:.4}  validation error {validation_error:.2} %  weights left {nonzero}",
        phase.title()
    );
    if !components.is_empty() {
        let counts: Vec<String> = components.iter().map(ToString::to_string).collect();
        line.push_str("  components ");
        line.push_str(&counts.join(" "));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_one_line() {
        let mut measurement = Measurement {
            phase: PhaseName::Joint,
            step: 429,
            loss: 0.123_45,
            prior: None,
            validation_error: 1.5,
            nonzero: 2345,
            components: vec![],
        };
        let line = "joint training  step    429  loss 0.1235  validation error 1.50 %  weights left 2345";
        assert_eq!(round_line(&measurement), line.replace("0.1235", &format!("{:.4}", 0.123_45)));
        measurement.components = vec![5, 6, 3];
        assert!(round_line(&measurement).ends_with("components 5 6 3"));
    }

    #[test]
    fn a_hidden_run_can_be_watched_in_any_order() {
        let progress = Progress::new(&Talk { quiet: true, verbose: 0 }, &Recipe::default());
        progress.stepped(PhaseName::Tied, 3);
        progress.phase_started(PhaseName::Plain, 10, 5);
        progress.stepped(PhaseName::Plain, 11);
        progress.phase_finished(PhaseName::Plain);
        progress.lines().clear();
    }
}
