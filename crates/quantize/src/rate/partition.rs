//! Levels and the intervals of weights that go to them, moved to where distortion and rate together are least.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::moments::Moments;
use super::profile::Profile;
use super::table::SLOTS;

/// What sums and quotients of bits may be off by, relative.
const ROUNDING: f64 = 1e-9;

/// What is to be made small: squared error plus `lambda` a bit.
pub(super) struct Lagrangian<'a> {
    pub(super) profile: &'a Profile,
    /// Squared error that a bit is worth.
    pub(super) lambda: f64,
    /// Bits that a level takes whether or not weights have it: its value, its place in the table.
    pub(super) level_bits: f64,
    /// The level nearest to a value among those that can be had.
    pub(super) snap: &'a dyn Fn(f64) -> f64,
    /// The most levels.
    pub(super) most: usize,
}

/// Levels in ascending order, where each one's interval begins, and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub(super) levels: Vec<f64>,
    /// The ends of the intervals: one more than there are levels, the outermost infinite.
    pub(super) cuts: Vec<f64>,
    pub(super) moments: Vec<Moments>,
    /// Bits of each level that the cuts were made for.
    pub(super) bits: Vec<f64>,
}

impl Partition {
    /// The least intervals of levels with given bits: weight `w` goes to the level `v` with the least
    /// `(w - v)² + lambda · bits`.
    ///
    /// That is the lower envelope of lines, found in one sweep; levels that are best for no weight are left out, and so are
    /// those without weights. Where some weights are zero and there is such a level, they stay zero.
    pub(super) fn envelope(problem: &Lagrangian, levels: &[f64], bits: &[f64]) -> Self {
        let mut bits = bits.to_vec();
        if let Some(zero) = levels.iter().position(|&level| level == 0.0)
            && problem.profile.zeros() > 0
            && problem.lambda > 0.0
        {
            let least = levels.iter().zip(&bits).map(|(level, bits)| level * level / problem.lambda + bits);
            // And a little less, so that rounding does not move the zeros.
            let least = least.fold(f64::INFINITY, f64::min);
            bits[zero] = bits[zero].min(least - ROUNDING * (1.0 + least.abs()));
        }
        let cut = |low: usize, high: usize| {
            let (a, b) = (levels[low], levels[high]);
            0.5 * (a + b) + 0.5 * problem.lambda * (bits[high] - bits[low]) / (b - a)
        };
        let mut kept: Vec<(usize, f64)> = Vec::with_capacity(levels.len());
        for level in 0..levels.len() {
            let mut begins = f64::NEG_INFINITY;
            while let Some(&(last, since)) = kept.last() {
                begins = cut(last, level);
                if begins > since {
                    break;
                }
                kept.pop();
                begins = f64::NEG_INFINITY;
            }
            kept.push((level, begins));
        }
        let below: Vec<Moments> = kept.iter().map(|&(_, cut)| problem.profile.below(cut)).collect();
        let all = problem.profile.below(f64::INFINITY);
        let mut out = Self { levels: vec![], cuts: vec![f64::NEG_INFINITY], moments: vec![], bits: vec![] };
        let mut last = None;
        for (at, &(level, _)) in kept.iter().enumerate() {
            let moments = *below.get(at + 1).unwrap_or(&all) - below[at];
            let is_zero_kept = levels[level] == 0.0 && problem.profile.zeros() > 0;
            if moments.count > 0.0 || is_zero_kept {
                // Without an empty interval between them its neighbours meet somewhere in it.
                out.cuts.extend(last.map(|last| cut(last, level)));
                last = Some(level);
                out.levels.push(levels[level]);
                out.moments.push(moments);
                out.bits.push(bits[level]);
            }
        }
        out.cuts.push(f64::INFINITY);
        out
    }

    /// From levels to begin with, by Lloyd's iteration under an entropy constraint (Chou, Lookabaugh and Gray 1989).
    pub(super) fn optimized(problem: &Lagrangian, levels: &[f64], rounds: usize) -> Self {
        let mut partition = Self::envelope(problem, levels, &vec![0.0; levels.len()]);
        for _ in 0..rounds {
            let bits = partition.table_bits();
            partition = Self::envelope(problem, &partition.levels, &bits);
            partition.recenter(problem);
            partition.merge(problem);
        }
        let bits = partition.table_bits();
        Self::envelope(problem, &partition.levels, &bits)
    }

    /// How many weights go to each level.
    pub(super) fn counts(&self) -> Vec<f64> {
        self.moments.iter().map(|moments| moments.count).collect()
    }

    /// The squared error of all weights.
    pub(super) fn squared_error(&self) -> f64 {
        self.moments.iter().zip(&self.levels).map(|(moments, &level)| moments.error(level)).sum()
    }

    /// Weights whose share is a slot of the table.
    fn slot(&self) -> f64 {
        (self.moments.iter().map(|moments| moments.count).sum::<f64>() / SLOTS as f64).max(f64::MIN_POSITIVE)
    }

    /// Bits of each level by a table with slots that can be divided, but no level with less than one.
    fn table_bits(&self) -> Vec<f64> {
        let slot = self.slot();
        let slots: f64 = self.moments.iter().map(|moments| moments.count.max(slot)).sum();
        self.moments.iter().map(|moments| (slots / moments.count.max(slot)).log2()).collect()
    }

    /// Each level to the mean of its weights, as near as can be had, as long as levels stay in order. Zero stays.
    fn recenter(&mut self, problem: &Lagrangian) {
        for at in 0..self.levels.len() {
            if self.levels[at] == 0.0 {
                continue;
            }
            let moved = (problem.snap)(self.moments[at].mean());
            let is_above = at == 0 || moved > self.levels[at - 1];
            let is_below = at + 1 == self.levels.len() || moved < self.levels[at + 1];
            if moved != 0.0 && is_above && is_below {
                self.levels[at] = moved;
            }
        }
    }

    /// Joins neighbouring intervals while that pays, or while there are too many, those first where it pays most.
    ///
    /// A level with few weights pays for more than its indices: the table gives it a slot of 2^-12, of which the
    /// others' indices get longer by `N / 4096 / ln 2` bits together.
    fn merge(&mut self, problem: &Lagrangian) {
        let slot = self.slot();
        let all = slot * SLOTS as f64;
        let mut slots: f64 = self.moments.iter().map(|moments| moments.count.max(slot)).sum();
        let index_bits = |count: f64| count * (all / count.max(slot)).log2();
        let gain = |partition: &Self, left: usize, right: usize, slots: f64| {
            let (a, b) = (partition.moments[left], partition.moments[right]);
            let (low, high) = (partition.levels[left], partition.levels[right]);
            let joined = a + b;
            let level = partition.joined_level(problem, left, right);
            let error = a.error(low) + b.error(high) - joined.error(level);
            let freed = a.count.max(slot) + b.count.max(slot) - joined.count.max(slot);
            let bits = index_bits(a.count) + index_bits(b.count) - index_bits(joined.count)
                + all * (slots / (slots - freed)).log2()
                + problem.level_bits;
            error + problem.lambda * bits
        };
        let len = self.levels.len();
        // The neighbours of each level that is left, and how often it was joined; a join that was planned before the
        // last is void.
        let mut next: Vec<usize> = (1..=len).collect();
        let mut previous: Vec<Option<usize>> = (0..len).map(|at| at.checked_sub(1)).collect();
        let (mut version, mut is_left, mut count) = (vec![0_u32; len], vec![true; len], len);
        let planned = |partition: &Self, left: usize, right: usize, version: &[u32], slots: f64| Join {
            gain: gain(partition, left, right, slots),
            left,
            made: version[left] + version[right],
        };
        let mut joins: BinaryHeap<Join> =
            (1..len).map(|right| planned(self, right - 1, right, &version, slots)).collect();
        while let Some(Join { gain, left, made }) = joins.pop() {
            let right = next[left];
            if !is_left[left] || right == len || version[left] + version[right] != made {
                continue;
            }
            if gain <= 0.0 && count <= problem.most {
                break;
            }
            let level = self.joined_level(problem, left, right);
            let joined = self.moments[left] + self.moments[right];
            slots += joined.count.max(slot) - self.moments[left].count.max(slot) - self.moments[right].count.max(slot);
            (self.levels[left], self.moments[left]) = (level, joined);
            (is_left[right], next[left], count) = (false, next[right], count - 1);
            version[left] += version[right] + 1;
            if let Some(before) = previous[left] {
                joins.push(planned(self, before, left, &version, slots));
            }
            if next[left] < len {
                previous[next[left]] = Some(left);
                joins.push(planned(self, left, next[left], &version, slots));
            }
        }
        self.keep(&is_left);
    }

    /// Drops levels; the interval of one goes to that before it.
    fn keep(&mut self, is_left: &[bool]) {
        fn only<T: Copy>(values: &mut Vec<T>, is_left: &[bool]) {
            let mut at = 0;
            values.retain(|_| {
                at += 1;
                is_left.get(at - 1).copied().unwrap_or(true)
            });
        }
        only(&mut self.levels, is_left);
        only(&mut self.moments, is_left);
        only(&mut self.bits, is_left);
        only(&mut self.cuts, is_left);
    }

    /// The level of two neighbouring intervals together: zero if one of them has it.
    fn joined_level(&self, problem: &Lagrangian, left: usize, right: usize) -> f64 {
        let (low, high) = (self.levels[left], self.levels[right]);
        if low == 0.0 || high == 0.0 {
            return 0.0;
        }
        (problem.snap)((self.moments[left] + self.moments[right]).mean()).clamp(low, high)
    }
}

/// Two neighbouring intervals that may be joined, the best first.
#[derive(Clone, Copy, Debug)]
struct Join {
    gain: f64,
    left: usize,
    /// How often both had been joined when this was planned.
    made: u32,
}

impl Ord for Join {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gain.total_cmp(&other.gain).then(self.left.cmp(&other.left))
    }
}

impl PartialOrd for Join {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Join {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Join {}
