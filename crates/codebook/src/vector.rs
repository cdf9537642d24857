//! Biases and other vectors: entries that have no row and no column to learn from, only each other.
//!
//! One model serves all vectors of a file. An entry is told as a matrix's is (zero, sign, magnitude step by step), by
//! counters alone.

use crate::{
    binary::BinaryCoder,
    counter::Counter,
    matrix::{Sides, Spent},
    runs::code_run,
};

/// Steps that have counters of their own; later ones share the last.
const STEPS: usize = 16;

/// Learns from all vectors of a file.
#[derive(Debug, Clone)]
pub(crate) struct Vectors {
    nonzero: Counter,
    negative: Counter,
    larger: Vec<Counter>,
}

impl Vectors {
    pub(crate) fn new() -> Self {
        Self {
            nonzero: Counter::starting(0xE000, 2),
            negative: Counter::starting(0x8000, 2),
            larger: vec![Counter::starting(0xA000, 1); STEPS],
        }
    }

    /// Codes `symbols` (a decoder fills them in); `sorted` says that they stand in order: zeros, positive ones by
    /// magnitude, negative ones by magnitude.
    pub(crate) fn code<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        sides: Sides,
        sorted: bool,
        symbols: &mut [i32],
    ) -> Spent {
        let mut spent = Spent::default();
        let length = if sorted { symbols.len().max(1) } else { 1 };
        for run in symbols.chunks_mut(length) {
            self.run(coder, sides, run, &mut spent);
        }
        spent
    }

    fn run<C: BinaryCoder>(&mut self, coder: &mut C, sides: Sides, run: &mut [i32], spent: &mut Spent) {
        let before = coder.spent();
        let zeros = run.iter().take_while(|&&s| s == 0).count();
        let zeros = code_learned(coder, &mut self.nonzero, run.len(), zeros);
        spent.positions += coder.spent() - before;
        run[..zeros].fill(0);
        let run = &mut run[zeros..];

        let before = coder.spent();
        let positives = if sides.negative == 0 {
            run.len()
        } else if sides.positive == 0 {
            0
        } else {
            let positives = run.iter().take_while(|&&s| s > 0).count();
            code_learned(coder, &mut self.negative, run.len(), positives)
        };
        spent.signs += coder.spent() - before;

        let before = coder.spent();
        let (positive, negative) = run.split_at_mut(positives);
        for (mut part, max, sign) in [(positive, sides.positive, 1), (negative, sides.negative, -1)] {
            let mut step = 1;
            while !part.is_empty() && step < max {
                let small = part.iter().take_while(|s| s.unsigned_abs() <= step).count();
                let counter = &mut self.larger[(step as usize - 1).min(STEPS - 1)];
                let small = code_learned(coder, counter, part.len(), small);
                part[..small].fill(sign * step as i32);
                part = &mut part[small..];
                step += 1;
            }
            part.fill(sign * step as i32);
        }
        spent.magnitudes += coder.spent() - before;
    }
}

/// Codes a sorted run by a counter, which then learns all its bits.
fn code_learned<C: BinaryCoder>(coder: &mut C, counter: &mut Counter, length: usize, zeros: usize) -> usize {
    if length == 0 {
        return 0;
    }
    let zeros = code_run(coder, length, zeros, counter.p());
    for i in 0..length {
        counter.update(i >= zeros);
    }
    zeros
}
