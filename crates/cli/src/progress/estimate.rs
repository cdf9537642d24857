//! The time left of a run, from the steps done so far.
//!
//! A step costs something else in each phase, and less as weights go, so a phase is judged by its own latest steps, and
//! one that has not begun by those of the phase that runs.

use std::time::Duration;

use mixpress::prelude::PhaseName;

/// Share of the newest reading in a phase's running mean of seconds a step.
const NEWEST: f64 = 0.2;
/// Time over which steps are counted for one reading.
const WINDOW: Duration = Duration::from_millis(200);

/// What is known of one phase.
#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    steps: u64,
    done: u64,
    seconds_a_step: Option<f64>,
}

/// The steps of all phases, and what they cost.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    phases: [Phase; 4],
    /// Step and time at which the current reading began.
    since: (u64, Duration),
    /// The newest reading of any phase.
    latest: Option<f64>,
}

impl Estimate {
    /// A run whose phases have so many steps, in the order of [`PhaseName::ALL`].
    pub(crate) fn new(steps: [u64; 4]) -> Self {
        let phases = steps.map(|steps| Phase { steps, ..Phase::default() });
        Self { phases, since: (0, Duration::ZERO), latest: None }
    }

    /// A phase begins at `step` of `steps`; the phases before it are over.
    pub(crate) fn started(&mut self, phase: PhaseName, step: u64, steps: u64, now: Duration) {
        for earlier in &mut self.phases[..phase as usize] {
            earlier.done = earlier.steps;
        }
        self.phases[phase as usize] = Phase { steps, done: step.min(steps), seconds_a_step: None };
        self.since = (step, now);
    }

    /// `step` steps of the phase are done.
    pub(crate) fn stepped(&mut self, phase: PhaseName, step: u64, now: Duration) {
        let this = &mut self.phases[phase as usize];
        this.done = step.min(this.steps);
        let (first, begun) = self.since;
        let elapsed = now.saturating_sub(begun);
        if elapsed >= WINDOW && step > first {
            let reading = elapsed.as_secs_f64() / (step - first) as f64;
            let mean = this.seconds_a_step.map_or(reading, |mean| mean + NEWEST * (reading - mean));
            this.seconds_a_step = Some(mean);
            self.latest = Some(mean);
            self.since = (step, now);
        }
    }

    /// Seconds that the remaining steps will take, once a first reading is there.
    pub(crate) fn seconds_left(&self) -> Option<f64> {
        let latest = self.latest?;
        let left = |phase: &Phase| (phase.steps - phase.done) as f64 * phase.seconds_a_step.unwrap_or(latest);
        Some(self.phases.iter().map(left).sum())
    }

    /// Steps done as a share of all, 0 to 1.
    pub(crate) fn share_done(&self) -> f64 {
        let total: f64 = self.phases.iter().map(|phase| phase.steps as f64).sum();
        let done: f64 = self.phases.iter().map(|phase| phase.done as f64).sum();
        if total == 0.0 { 1.0 } else { done / total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(value: u64) -> Duration {
        Duration::from_secs(value)
    }

    #[test]
    fn nothing_is_claimed_before_the_first_reading() {
        let mut estimate = Estimate::new([10, 10, 10, 10]);
        assert_eq!(estimate.seconds_left(), None);
        estimate.started(PhaseName::Plain, 0, 10, seconds(0));
        assert_eq!(estimate.seconds_left(), None);
    }

    #[test]
    fn phases_to_come_cost_what_the_running_one_costs() {
        let mut estimate = Estimate::new([10, 20, 30, 40]);
        estimate.started(PhaseName::Plain, 0, 10, seconds(0));
        estimate.stepped(PhaseName::Plain, 5, seconds(10));
        assert_eq!(estimate.seconds_left(), Some(2.0 * 95.0));
        estimate.started(PhaseName::Joint, 0, 20, seconds(20));
        estimate.stepped(PhaseName::Joint, 10, seconds(30));
        assert_eq!(estimate.seconds_left(), Some(80.0));
        assert_eq!(estimate.share_done(), 0.2);
    }

    #[test]
    fn steps_before_a_resume_are_done_but_not_timed() {
        let mut estimate = Estimate::new([10, 10, 10, 10]);
        estimate.started(PhaseName::Hard, 8, 10, seconds(0));
        assert_eq!(estimate.share_done(), 0.7);
        estimate.stepped(PhaseName::Hard, 9, seconds(3));
        assert_eq!(estimate.seconds_left(), Some(3.0 * 11.0));
    }

    #[test]
    fn a_run_without_steps_is_done() {
        assert_eq!(Estimate::new([0; 4]).share_done(), 1.0);
    }
}
