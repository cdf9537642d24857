//! How far a search is: a bar for each part that runs, one for all of it with the time left, a line for each file.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use mixpress::compress::{FrontierPoint, SearchObserver, SearchPart};
use mixpress::prelude::{Measurement, Observer, PhaseName};
use mixpress::report::{duration, grouped};
use mixpress::train::ROUND;

use super::{Lines, REFRESH, bar, bars, round_line};
use crate::args::Talk;

/// Share of the newest reading in the running mean of seconds a step.
const NEWEST: f64 = 0.1;

/// Watches a search and shows how far it is.
pub(crate) struct SearchProgress {
    lines: Lines,
    is_quiet: bool,
    is_verbose: bool,
    start: Instant,
    state: Mutex<State>,
}

/// What changes as the search goes.
struct State {
    overall: ProgressBar,
    /// Steps done, by this process or in the same parts by one before it, and all that are expected.
    done: u64,
    expected: u64,
    /// Steps and time of the last reading, and the mean of all readings.
    read: (u64, Duration),
    seconds_a_step: Option<f64>,
}

impl SearchProgress {
    /// Bars are drawn when standard error is a terminal and nobody asked for quiet; files are told unless somebody did.
    pub(crate) fn new(talk: &Talk) -> Self {
        let bars = bars(talk);
        let overall = bars.add(bar(1000, "{prefix:>22} [{bar:30}] {percent:>3} %  {msg}"));
        overall.set_prefix("search");
        let state = State { overall, done: 0, expected: 0, read: (0, Duration::ZERO), seconds_a_step: None };
        let (is_quiet, is_verbose) = (talk.quiet, talk.verbose > 0);
        Self { lines: Lines(bars), is_quiet, is_verbose, start: Instant::now(), state: Mutex::new(state) }
    }

    /// Where other lines may be written while the bars stand.
    pub(crate) fn lines(&self) -> Lines {
        self.lines.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is only numbers and a bar: whatever panicked while it was held, they are still to be shown.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more step of whichever part is done.
    fn stepped(&self) {
        let now = self.start.elapsed();
        let mut state = self.state();
        state.done += 1;
        let (steps, before) = state.read;
        let elapsed = now.saturating_sub(before);
        if elapsed < REFRESH {
            return;
        }
        let reading = elapsed.as_secs_f64() / (state.done - steps).max(1) as f64;
        let mean = state.seconds_a_step.map_or(reading, |mean| mean + NEWEST * (reading - mean));
        state.seconds_a_step = Some(mean);
        state.read = (state.done, now);
        if state.expected > 0 {
            let left = state.expected.saturating_sub(state.done);
            let share = state.done as f64 / state.expected.max(state.done) as f64;
            state.overall.set_position((1000.0 * share) as u64);
            state.overall.set_message(format!("about {} left", duration(left as f64 * mean)));
        }
    }
}

impl State {
    fn skip(&mut self, steps: u64) {
        self.done += steps;
        self.read.0 += steps;
    }
}

impl SearchObserver for SearchProgress {
    fn part_started(&self, part: SearchPart) -> Box<dyn Observer + '_> {
        let title = match part {
            SearchPart::Float => "float network".to_owned(),
            SearchPart::Stage(place) => format!("strength {place}"),
            SearchPart::File(place) => format!("file {place}"),
        };
        Box::new(PartProgress { search: self, title, bar: Mutex::new(None) })
    }

    fn part_known(&self, _: SearchPart, rounds: u64) {
        self.state().skip(rounds * ROUND);
    }

    fn file_made(&self, point: &FrontierPoint) {
        if !self.is_quiet {
            self.lines.write_line(&file_line(point));
        }
    }

    fn expects(&self, rounds: u64) {
        self.state().expected = rounds * ROUND;
    }
}

/// Watches one part of a search.
struct PartProgress<'a> {
    search: &'a SearchProgress,
    title: String,
    bar: Mutex<Option<ProgressBar>>,
}

impl PartProgress<'_> {
    fn with_bar(&self, show: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            show(bar);
        }
    }
}

impl Observer for PartProgress<'_> {
    fn phase_started(&self, phase: PhaseName, step: u64, steps: u64) {
        let template = "{prefix:>22} [{bar:30}] {percent:>3} %  {human_pos}/{human_len} steps of {msg}";
        let new = self.search.lines.0.insert_before(&self.search.state().overall, bar(steps, template));
        new.set_prefix(self.title.clone());
        new.set_message(phase.title());
        new.set_position(step);
        // Steps before a resume were done, too, but took no time of this process.
        self.search.state().skip(step);
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
    }

    fn stepped(&self, _: PhaseName, step: u64) {
        self.with_bar(|bar| bar.set_position(step));
        self.search.stepped();
    }

    fn measured(&self, measurement: &Measurement) {
        if self.search.is_verbose {
            self.search.lines.write_line(&format!("{:<16} {}", self.title, round_line(measurement)));
        }
    }

    fn phase_finished(&self, _: PhaseName) {
        self.with_bar(ProgressBar::finish_and_clear);
    }
}

/// What is said of a file that was made.
fn file_line(point: &FrontierPoint) -> String {
    let FrontierPoint { file_bytes, ratio, validation_error, increase, bound, is_within, .. } = point;
    let verdict = if *is_within { "within the budget" } else { "not within the budget" };
    format!(
        "{} bytes ({ratio:.0} times smaller), validation error {validation_error:.2} % ({increase:+.2} points), bound {bound:.2}: {verdict}",
        grouped(*file_bytes),
    )
}

#[cfg(test)]
mod tests {
    use mixpress::compress::Place;

    use super::*;

    #[test]
    fn a_file_is_one_line() {
        let point = FrontierPoint {
            file_bytes: 3814,
            ratio: 279.6,
            strength: 0.2,
            validation_error: 1.36,
            increase: -0.06,
            bound: 0.125,
            is_within: true,
            is_optimal: true,
            is_chosen: false,
        };
        assert_eq!(
            file_line(&point),
            "3,814 bytes (280 times smaller), validation error 1.36 % (-0.06 points), bound 0.12: within the budget"
        );
    }

    #[test]
    fn a_hidden_search_can_be_watched_in_any_order() {
        let progress = SearchProgress::new(&Talk { quiet: true, verbose: 0 });
        let place = Place { is_lower: false, stages: 3, hundredths: 33 };
        let first = progress.part_started(SearchPart::Stage(place));
        first.stepped(PhaseName::Joint, 3);
        let second = progress.part_started(SearchPart::File(place));
        second.phase_started(PhaseName::Hard, 10, 5);
        second.stepped(PhaseName::Hard, 11);
        progress.part_known(SearchPart::Float, 8);
        progress.expects(5);
        first.phase_finished(PhaseName::Joint);
        second.phase_finished(PhaseName::Tied);
        progress.lines().clear();
    }
}
