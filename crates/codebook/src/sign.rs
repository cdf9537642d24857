//! The sign of a nonzero entry: eight opinions, mixed.
//!
//! 0 a constant, 1 the share of negatives so far, 2 the column's majority, 3 the row's, 4 a counter for the signs of the
//! four nearest coded neighbours, 5 the votes of left and up, 6 the majorities of the neighbouring columns, 7 the signs
//! in the window.

use crate::{
    counter::Counter,
    geometry::{Geometry, NONE},
    logistic::Logistic,
    mixer::Mixer,
    position::Window,
    tuning::{SIGN_INPUTS, Tuning},
};

/// Votes count up to this many on either side.
const VOTES_MAX: i32 = 6;

/// What a matrix's signs look like so far.
#[derive(Debug)]
pub(crate) struct Signs {
    logistic: Logistic,
    vote: [i32; 2],
    mixer: Mixer<SIGN_INPUTS>,
    share: Counter,
    nearest: Vec<Counter>,
    /// Negatives minus positives.
    row: i32,
    columns: Vec<i32>,
}

/// What [`Signs`] thought about an entry.
#[derive(Debug)]
pub(crate) struct Opinion {
    inputs: [i32; SIGN_INPUTS],
    /// Probability that the entry is negative.
    pub(crate) p: u32,
    nearest: usize,
}

impl Signs {
    pub(crate) fn new(geometry: &Geometry, tuning: &Tuning) -> Self {
        Self {
            logistic: Logistic::new(),
            vote: tuning.vote,
            mixer: Mixer::hundredths(tuning.sign, tuning.sign_rate),
            share: Counter::new(),
            nearest: vec![Counter::new(); 81],
            row: 0,
            columns: vec![0; geometry.columns],
        }
    }

    /// Starts the next row.
    pub(crate) fn next_row(&mut self) {
        self.row = 0;
    }

    /// What is thought about the entry of this row in `column`.
    pub(crate) fn opinion(&self, geometry: &Geometry, column: usize, window: &Window) -> Opinion {
        let votes = |sum: i32| sum.clamp(-VOTES_MAX, VOTES_MAX) * self.vote[0];
        let nearest = window.nearest.iter().rev().fold(0, |code, s| code * 3 + (s.signum() + 1) as usize);
        let mut around = 0;
        if geometry.is_arranged() {
            for (dy, dx) in [(0, -1), (-1, 0), (0, 1), (1, 0)] {
                let neighbour = geometry.neighbour(column, dy, dx);
                if neighbour != NONE {
                    around += self.columns[neighbour as usize];
                }
            }
        }
        let inputs = [
            256,
            self.logistic.stretch(self.share.p()),
            votes(self.columns[column]),
            votes(self.row),
            self.logistic.stretch(self.nearest[nearest].p()),
            votes(-(window.nearest[0].signum() + window.nearest[1].signum())),
            votes(around),
            (window.sign * self.vote[1]).clamp(-1500, 1500),
        ];
        let p = self.mixer.p(self.logistic, &inputs);
        Opinion { inputs, p, nearest }
    }

    /// Learns the sign of the entry of this row in `column`; `opinion` may be one about an equal column.
    pub(crate) fn update(&mut self, column: usize, opinion: &Opinion, negative: bool) {
        self.mixer.update(&opinion.inputs, opinion.p, negative);
        self.nearest[opinion.nearest].update(negative);
        self.share.update(negative);
        self.note(column, negative);
    }

    /// Counts a sign that was never in doubt.
    pub(crate) fn note(&mut self, column: usize, negative: bool) {
        let vote = if negative { 1 } else { -1 };
        self.columns[column] += vote;
        self.row += vote;
    }
}
