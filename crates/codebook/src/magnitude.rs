//! The magnitude of a nonzero entry, as a number of steps from the innermost codebook value of its sign outwards.
//!
//! A magnitude is told step by step: *is it larger still?* Four opinions are mixed on each: 0 a counter for sign and
//! step, 1 a counter for what row and column did so far and the step, 2 the column's share of answers *yes* to the first
//! step, 3 the row's.

use crate::{
    counter::Counter,
    estimate::excess,
    logistic::Logistic,
    mixer::Mixer,
    tuning::{MAGNITUDE_INPUTS, Tuning},
};

/// Steps that have counters of their own; later ones share the last.
const STEPS: usize = 16;

/// What a matrix's magnitudes look like so far.
#[derive(Debug)]
pub(crate) struct Magnitudes {
    logistic: Logistic,
    strength: u32,
    mixer: Mixer<MAGNITUDE_INPUTS>,
    by_sign: Vec<Counter>,
    by_context: Vec<Counter>,
    /// Answers *yes* to the first step, and answers.
    row: [u32; 2],
    columns: Vec<[u32; 2]>,
}

/// What [`Magnitudes`] thought about a step.
#[derive(Debug)]
pub(crate) struct Opinion {
    inputs: [i32; MAGNITUDE_INPUTS],
    /// Probability that the magnitude is larger than the step.
    pub(crate) p: u32,
    by_sign: usize,
    by_context: usize,
}

impl Magnitudes {
    pub(crate) fn new(columns: usize, tuning: &Tuning) -> Self {
        Self {
            logistic: Logistic::new(),
            strength: tuning.magnitude_strength,
            mixer: Mixer::hundredths(tuning.magnitude, tuning.magnitude_rate),
            by_sign: vec![Counter::new(); 2 * STEPS],
            by_context: vec![Counter::new(); 16 * STEPS],
            row: [0; 2],
            columns: vec![[0; 2]; columns],
        }
    }

    /// Starts the next row.
    pub(crate) fn next_row(&mut self) {
        self.row = [0; 2];
    }

    /// What is thought about the step from magnitude `step` (1 is the innermost) to the next.
    pub(crate) fn opinion(&self, column: usize, negative: bool, step: u32) -> Opinion {
        let slot = (step as usize - 1).min(STEPS - 1);
        // A quarter of the share of large ones: 0, 1, 2 thirds and all, no answer yet counting as all.
        let third = |[yes, all]: [u32; 2]| (yes * 3).checked_div(all).unwrap_or(3) as usize;
        let by_sign = usize::from(negative) * STEPS + slot;
        let by_context = (third(self.row) * 4 + third(self.columns[column])) * STEPS + slot;
        let prior = self.by_sign[by_sign].p();
        let over = |[yes, all]: [u32; 2]| excess(self.logistic, yes, all, prior, self.strength);
        let inputs = [
            self.logistic.stretch(prior),
            self.logistic.stretch(self.by_context[by_context].p()),
            over(self.columns[column]),
            over(self.row),
        ];
        let p = self.mixer.p(self.logistic, &inputs);
        Opinion { inputs, p, by_sign, by_context }
    }

    /// Learns the answer for the entry of this row in `column`; `opinion` may be one about an equal column.
    pub(crate) fn update(&mut self, column: usize, step: u32, opinion: &Opinion, larger: bool) {
        self.mixer.update(&opinion.inputs, opinion.p, larger);
        self.by_sign[opinion.by_sign].update(larger);
        self.by_context[opinion.by_context].update(larger);
        if step == 1 {
            for [yes, all] in [&mut self.row, &mut self.columns[column]] {
                *yes += u32::from(larger);
                *all += 1;
            }
        }
    }
}
