//! Which entries of a matrix are nonzero: twelve opinions, mixed.
//!
//! The opinions, as differences of logits from the density so far (the first is that density itself): 0 density, 1 the
//! row's density, 2 the column's, 3 that of the neighbouring columns, 4 a counter for the pattern of the row's coded
//! neighbours, 5 the block's density, 6 the row's density in this block, 7 the density of this place over all blocks,
//! 8 the chance that a column still empty gets its first entry now, 9 a counter for row and column counts and the gap
//! since the row's last entry, 10 a counter for the share of nonzeros in the window, 11 that share as a density.

use crate::{
    binary::ONE,
    counter::Counter,
    estimate::{estimate, excess},
    geometry::{Geometry, NONE, REACH},
    logistic::Logistic,
    mixer::Mixer,
    tuning::{POSITION_INPUTS, Tuning},
};

/// Density expected before anything was seen: one in twenty, as if 20 entries had shown it.
const PRIOR: u32 = ONE / 20;
const PRIOR_STRENGTH: u32 = 16 * 20;

/// What a matrix's nonzeros look like so far.
#[derive(Debug)]
pub(crate) struct Positions {
    logistic: Logistic,
    strength: [u32; 7],
    /// One mixer for columns still empty, one for the others.
    mixers: [Mixer<POSITION_INPUTS>; 2],
    pattern: Vec<Counter>,
    counts: Vec<Counter>,
    share: Vec<Counter>,
    rows: u32,
    row: u32,
    /// Nonzeros and entries: in all, in this row, by column, by block, by place, in this row by block.
    total: [u32; 2],
    in_row: u32,
    last: i64,
    columns: Vec<u32>,
    blocks: Vec<[u32; 2]>,
    places: Vec<[u32; 2]>,
    row_blocks: Vec<[u32; 2]>,
}

/// What [`Positions`] thought about an entry, kept until the answer is known.
#[derive(Debug)]
pub(crate) struct Opinion {
    inputs: [i32; POSITION_INPUTS],
    /// Probability that the entry is nonzero.
    pub(crate) p: u32,
    set: usize,
    pattern: usize,
    counts: usize,
    share: usize,
}

/// What the coded neighbours of an entry in its row look like.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Window {
    /// Weights of all coded neighbours, of the nonzero ones, and of these by sign (negative minus positive).
    pub(crate) all: u32,
    pub(crate) nonzero: u32,
    pub(crate) sign: i32,
    /// Left, up, up left, up right.
    pub(crate) nearest: [i32; 4],
}

impl Window {
    /// Looks at the neighbours of `column` that stand before it in `row`, a slice of symbols.
    pub(crate) fn new(geometry: &Geometry, column: usize, row: &[i32]) -> Self {
        let mut window = Self::default();
        if !geometry.is_arranged() {
            return window;
        }
        for dy in -REACH..=0 {
            for dx in -REACH..=if dy < 0 { REACH } else { -1 } {
                let neighbour = geometry.neighbour(column, dy, dx);
                if neighbour == NONE {
                    continue;
                }
                let symbol = row[neighbour as usize];
                let weight = 64 / (dy * dy + dx * dx + 1);
                window.all += weight as u32;
                if symbol != 0 {
                    window.nonzero += weight as u32;
                    window.sign -= symbol.signum() * weight;
                }
                match (dy, dx) {
                    (0, -1) => window.nearest[0] = symbol,
                    (-1, 0) => window.nearest[1] = symbol,
                    (-1, -1) => window.nearest[2] = symbol,
                    (-1, 1) => window.nearest[3] = symbol,
                    _ => {}
                }
            }
        }
        window
    }
}

impl Positions {
    pub(crate) fn new(geometry: &Geometry, rows: usize, tuning: &Tuning) -> Self {
        let mixer = Mixer::hundredths(tuning.position, tuning.position_rate);
        let fresh = Counter::starting(PRIOR, tuning.trust);
        Self {
            logistic: Logistic::new(),
            strength: tuning.strength,
            mixers: [mixer.clone(), mixer],
            pattern: vec![fresh; 16 * 3],
            counts: vec![fresh; 16 * 7],
            share: vec![fresh; 16 * 4],
            rows: rows as u32,
            row: 0,
            total: [0; 2],
            in_row: 0,
            last: -1,
            columns: vec![0; geometry.columns],
            blocks: vec![[0; 2]; geometry.blocks],
            places: vec![[0; 2]; geometry.height * geometry.width],
            row_blocks: vec![[0; 2]; geometry.blocks],
        }
    }

    /// Starts the next row.
    pub(crate) fn next_row(&mut self, row: usize) {
        self.row = row as u32;
        self.in_row = 0;
        self.last = -1;
        self.row_blocks.fill([0; 2]);
    }

    /// What is thought about the entry of this row in `column`.
    pub(crate) fn opinion(&self, geometry: &Geometry, column: usize, window: &Window) -> Opinion {
        let logistic = self.logistic;
        let density = estimate(self.total[0], self.total[1], PRIOR, PRIOR_STRENGTH);
        let level = logistic.stretch(density);
        let over = |[ones, seen]: [u32; 2], strength: u32| excess(logistic, ones, seen, density, strength);
        let (block, place) = geometry.block_and_place(column);
        let here = self.columns[column];
        let mut around = [2 * here, 2 * self.row];
        if geometry.is_arranged() {
            for (dy, dx) in [(0, -1), (-1, 0), (0, 1), (1, 0)] {
                let neighbour = geometry.neighbour(column, dy, dx);
                if neighbour != NONE {
                    around[0] += self.columns[neighbour as usize];
                    around[1] += self.row;
                }
            }
        }
        let bits = window.nearest.iter().rev().fold(0, |bits, &s| bits << 1 | usize::from(s != 0));
        let pattern = bits * 3 + here.min(2) as usize;
        let gap = (column as i64 - self.last) as u32;
        let counts =
            (self.in_row.min(3) * 4 + here.min(3)) as usize + 16 * (u32::BITS - gap.leading_zeros()).min(6) as usize;
        let share = (window.nonzero * 32 / window.all.max(1)).min(15) as usize * 4 + here.min(3) as usize;
        let [row, col, blk, row_blk, near, plc, win] = self.strength;
        let inputs = [
            level,
            over([self.in_row, column as u32], row),
            over([here, self.row], col),
            over(around, near),
            logistic.stretch(self.pattern[pattern].p()) - level,
            over(self.blocks[block], blk),
            over(self.row_blocks[block], row_blk),
            over(self.places[place], plc),
            if here == 0 { logistic.stretch(ONE / (self.rows - self.row + 1)) - level } else { 0 },
            logistic.stretch(self.counts[counts].p()) - level,
            logistic.stretch(self.share[share].p()) - level,
            over([window.nonzero, window.all], win),
        ];
        let set = usize::from(here == 0);
        let p = self.mixers[set].p(logistic, &inputs);
        Opinion { inputs, p, set, pattern, counts, share }
    }

    /// Learns whether the entry of this row in `column` is nonzero; `opinion` may be one about an equal column.
    pub(crate) fn update(&mut self, geometry: &Geometry, column: usize, opinion: &Opinion, nonzero: bool) {
        self.mixers[opinion.set].update(&opinion.inputs, opinion.p, nonzero);
        self.pattern[opinion.pattern].update(nonzero);
        self.counts[opinion.counts].update(nonzero);
        self.share[opinion.share].update(nonzero);
        let (block, place) = geometry.block_and_place(column);
        let one = u32::from(nonzero);
        let tally = |count: &mut [u32; 2]| *count = [count[0] + one, count[1] + 1];
        tally(&mut self.total);
        tally(&mut self.blocks[block]);
        tally(&mut self.places[place]);
        tally(&mut self.row_blocks[block]);
        self.in_row += one;
        self.columns[column] += one;
        if nonzero {
            self.last = column as i64;
        }
    }
}
