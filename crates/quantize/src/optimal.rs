//! Optimal one-dimensional clustering by dynamic programming.
//!
//! In one dimension the clusters of an optimal codebook are intervals, so the best `k` levels for the first `j` cells
//! of sorted data are the best `k - 1` for the first `i < j` and one more level for the rest. The cost of an interval
//! comes from prefix sums, and the best `i` never falls as `j` grows (the cost has the Monge property), so divide and
//! conquer finds a row of the table in O(B log B): O(K B log B) in all, with no starting point to be unlucky with. (Wu
//! 1991, *Optimal quantization by matrix searching*; Wang and Song 2011, *Ckmeans.1d.dp*.)
//!
//! [`cluster`] looks for each cut everywhere. [`settle`] takes cuts that are nearly right and looks in a window around
//! each, at all of them together, which costs O(K W log W) for windows of W cells: that is how a solution on coarse
//! cells becomes one on fine cells.

use std::ops::Range;

/// Some values that are not to be told apart: their total importance, their weighted mean, and their spread about it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) importance: f64,
    pub(crate) mean: f64,
    /// `Σ importance · (x - mean)²`, the squared error of the mean as their level.
    pub(crate) scatter: f64,
}

impl Cell {
    pub(crate) fn of(x: f64, importance: f64) -> Self {
        Self { importance, mean: x, scatter: 0.0 }
    }

    /// Joins the other's values to these, by sums of terms that are not negative, so that no digits cancel (Chan, Golub and
    /// `LeVeque` 1979, equation 2.1).
    pub(crate) fn add(&mut self, other: &Self) {
        if other.importance > 0.0 {
            let total = self.importance + other.importance;
            let (off, share) = (other.mean - self.mean, other.importance / total);
            self.scatter += other.scatter + off * off * self.importance * share;
            self.mean += off * share;
            self.importance = total;
        }
    }

    /// All of them as one.
    pub(crate) fn joined(cells: &[Self]) -> Self {
        let mut all = Self::default();
        for cell in cells {
            all.add(cell);
        }
        all
    }

    /// The squared error of a level.
    pub(crate) fn error(&self, level: f64) -> f64 {
        let off = self.mean - level;
        self.scatter + self.importance * off * off
    }
}

/// Where cells are divided: each cut is the first cell of a cluster, the first cluster's left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Division {
    pub(crate) cuts: Vec<usize>,
    /// The squared error of the cells' means. With what the optimum is at least: no division has a smaller one than
    /// this less `rounding`.
    pub(crate) error: f64,
    /// What `error` may be off by.
    pub(crate) rounding: f64,
}

/// The clusters that cuts make of cells.
pub(crate) fn clusters(cells: &[Cell], cuts: &[usize]) -> Vec<Cell> {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain(std::iter::once(cells.len()));
    starts.zip(ends).map(|(start, end)| Cell::joined(&cells[start..end])).collect()
}

/// Divides cells, in ascending order and each of positive importance, into at most `levels` intervals as well as can be.
pub(crate) fn cluster(cells: &[Cell], levels: usize) -> Division {
    if levels >= cells.len() {
        return Division { cuts: (1..cells.len()).collect(), error: 0.0, rounding: 0.0 };
    }
    let windows: Vec<_> = (1..levels).map(|cut| cut..cells.len() - levels + cut + 1).collect();
    let sums = Prefix::new(cells);
    let (cuts, error) = divide(&sums, &windows);
    Division { cuts, error, rounding: sums.rounding(levels) }
}

/// Moves cuts to where they are best, at most `reach` cells at a time, until they rest or have moved `rounds` times.
pub(crate) fn settle(cells: &[Cell], cuts: &[usize], reach: usize, rounds: usize) -> Vec<usize> {
    let sums = Prefix::new(cells);
    let mut cuts = cuts.to_vec();
    for _ in 0..rounds {
        let windows: Vec<_> = cuts.iter().map(|&cut| cut.saturating_sub(reach)..cut + reach + 1).collect();
        let moved = settle_within(&sums, &windows);
        if moved == cuts {
            break;
        }
        cuts = moved;
    }
    cuts
}

/// The best cuts within windows, which must hold ascending ones.
pub(crate) fn settle_within(sums: &Prefix, windows: &[Range<usize>]) -> Vec<usize> {
    // Each cluster has a cell.
    let inside = |(at, window): (usize, &Range<usize>)| {
        window.start.max(at + 1)..window.end.min(sums.len() + at + 1 - windows.len())
    };
    let windows: Vec<_> = windows.iter().enumerate().map(inside).collect();
    divide(sums, &windows).0
}

/// The best cuts within windows, and the squared error of the cells' means.
fn divide(sums: &Prefix, windows: &[Range<usize>]) -> (Vec<usize>, f64) {
    let len = sums.len();
    let Some(first) = windows.first() else { return (Vec::new(), sums.error(0, len)) };
    let mut costs: Vec<f64> = first.clone().map(|end| sums.error(0, end)).collect();
    let mut rows = Vec::with_capacity(windows.len());
    let last = len..len + 1;
    for (before, window) in windows.iter().zip(windows[1..].iter().chain([&last])) {
        let mut row =
            Row { sums, before: &costs, starts: before.start, ends: window.start, costs: vec![], cuts: vec![] };
        row.costs.resize(window.len(), f64::INFINITY);
        row.cuts.resize(window.len(), 0);
        row.fill(window.clone(), before.clone());
        let Row { costs: filled, cuts, .. } = row;
        costs = filled;
        rows.push((window.start, cuts));
    }
    let mut end = len;
    let back = rows.iter().rev().map(|(start, cuts)| {
        end = cuts[end - start] as usize;
        end
    });
    let mut cuts: Vec<usize> = back.collect();
    cuts.reverse();
    (cuts, costs[0])
}

/// A row of the table: the best that a number of clusters do to the cells before each place.
struct Row<'a> {
    sums: &'a Prefix,
    /// The costs of one cluster less, for the places from `starts` on.
    before: &'a [f64],
    starts: usize,
    /// The place of the first cost.
    ends: usize,
    costs: Vec<f64>,
    /// Where the last cluster begins.
    cuts: Vec<u32>,
}

impl Row<'_> {
    /// Fills the places `ends`, where the last cluster ends and the best ones of which begin in `starts`.
    fn fill(&mut self, ends: Range<usize>, starts: Range<usize>) {
        if ends.is_empty() {
            return;
        }
        let end = usize::midpoint(ends.start, ends.end);
        let (mut cost, mut cut) = (f64::INFINITY, starts.start);
        for start in starts.start..starts.end.min(end) {
            let with = self.before[start - self.starts] + self.sums.error(start, end);
            if with < cost {
                (cost, cut) = (with, start);
            }
        }
        self.costs[end - self.ends] = cost;
        self.cuts[end - self.ends] = cut as u32;
        self.fill(ends.start..end, starts.start..cut + 1);
        self.fill(end + 1..ends.end, cut..starts.end);
    }
}

/// Sums of the cells' importances and of their means' first and second powers, from a cell in the middle outwards and
/// about its mean: sums are small where cells are dense, far as the tails may reach.
pub(crate) struct Prefix {
    /// The cells' means, less the center.
    offsets: Vec<f64>,
    sums: Vec<[f64; 3]>,
}

impl Prefix {
    pub(crate) fn new(cells: &[Cell]) -> Self {
        let half = 0.5 * cells.iter().map(|cell| cell.importance).sum::<f64>();
        let mut seen = 0.0;
        let middle = cells.iter().position(|cell| {
            seen += cell.importance;
            seen >= half
        });
        let middle = middle.unwrap_or(0);
        let center = cells.get(middle).map_or(0.0, |cell| cell.mean);
        let mut sums = vec![[0.0; 3]; cells.len() + 1];
        let terms = |cell: &Cell, sign: f64| {
            let (importance, off) = (sign * cell.importance, cell.mean - center);
            [importance, importance * off, importance * off * off]
        };
        let mut running = Compensated::default();
        for (at, cell) in cells.iter().enumerate().skip(middle) {
            sums[at + 1] = running.add(terms(cell, 1.0));
        }
        let mut running = Compensated::default();
        for (at, cell) in cells.iter().enumerate().take(middle).rev() {
            sums[at] = running.add(terms(cell, -1.0));
        }
        Self { offsets: cells.iter().map(|cell| cell.mean - center).collect(), sums }
    }

    fn len(&self) -> usize {
        self.sums.len() - 1
    }

    /// The squared error of the means of the cells from `start` up to `end`. What may be nothing but rounding is zero,
    /// so that a cell far away has none.
    #[inline]
    fn error(&self, start: usize, end: usize) -> f64 {
        let (low, high) = (&self.sums[start], &self.sums[end]);
        let (importance, first, second) = (high[0] - low[0], high[1] - low[1], high[2] - low[2]);
        let error = second - first * first / importance;
        if error > 8.0 * f64::EPSILON * second { error } else { 0.0 }
    }

    /// What the errors of `levels` intervals may be off by together.
    ///
    /// Of an interval from `a` to `b` with `m` the larger of the distances from the center of its outermost cells,
    /// rounding the sums, their differences and `second - first² / importance` costs a small multiple of the machine's
    /// precision times `S(a) + S(b) + m² W`: `S` are the sums of second powers, `W` is all importance, and
    /// `|m F| <= (S + m² W) / 2` for those of first powers by Cauchy and Schwarz. Each place ends two intervals at
    /// most, so the largest terms bound what any division has.
    fn rounding(&self, levels: usize) -> f64 {
        let all = self.sums[self.len()][0] - self.sums[0][0];
        let offset = |at: usize| self.offsets.get(at).map_or(0.0, |offset| offset * offset);
        let of = |at: usize| self.sums[at][2].abs() + offset(at).max(offset(at.wrapping_sub(1))) * all;
        let mut terms: Vec<f64> = (0..=self.len()).map(of).collect();
        terms.sort_by(|a, b| b.total_cmp(a));
        64.0 * f64::EPSILON * terms.iter().take(levels + 1).sum::<f64>()
    }
}

/// Running sums with the rounding of each addition carried along (Neumaier 1974).
#[derive(Default)]
struct Compensated {
    sums: [f64; 3],
    lost: [f64; 3],
}

impl Compensated {
    fn add(&mut self, terms: [f64; 3]) -> [f64; 3] {
        for ((sum, lost), term) in self.sums.iter_mut().zip(&mut self.lost).zip(terms) {
            let next = *sum + term;
            *lost += if sum.abs() >= term.abs() { (*sum - next) + term } else { (term - next) + *sum };
            *sum = next;
        }
        std::array::from_fn(|at| self.sums[at] + self.lost[at])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least error over all divisions into at most `levels` intervals, by trying them all.
    fn brute_force(cells: &[Cell], levels: usize) -> f64 {
        let whole = Cell::joined(cells).scatter;
        if levels == 1 || cells.len() == 1 {
            return whole;
        }
        (1..cells.len())
            .map(|cut| brute_force(&cells[..cut], levels - 1) + Cell::joined(&cells[cut..]).scatter)
            .fold(whole, f64::min)
    }

    fn scatter(cells: &[Cell], cuts: &[usize]) -> f64 {
        clusters(cells, cuts).iter().map(|cluster| cluster.scatter).sum()
    }

    fn sorted(mut points: Vec<(f64, f64)>) -> Vec<Cell> {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.iter().map(|&(x, importance)| Cell::of(x, importance)).collect()
    }

    proptest! {
        #[test]
        fn it_is_optimal(points in prop::collection::vec((-9.0..9.0_f64, 0.1..4.0_f64), 1..10), levels in 1_usize..6) {
            let cells = sorted(points);
            let got = cluster(&cells, levels);
            let levels_of = clusters(&cells, &got.cuts);
            prop_assert_eq!(levels_of.len(), levels.min(cells.len()));
            prop_assert!(levels_of.is_sorted_by(|a, b| a.mean <= b.mean));
            let expected = brute_force(&cells, levels);
            prop_assert!((got.error - expected).abs() < 1e-9, "{} instead of {}", got.error, expected);
            prop_assert!(got.error - got.rounding <= expected * (1.0 + 1e-12) + 1e-300);
            // The levels have the error that they are said to have.
            let of_levels: f64 = cells.iter().map(|cell| {
                levels_of.iter().map(|level| cell.error(level.mean)).fold(f64::INFINITY, f64::min)
            }).sum();
            prop_assert!((of_levels - expected).abs() < 1e-9, "{} instead of {}", of_levels, expected);
        }

        #[test]
        fn cuts_never_get_worse_and_settle_at_the_best_within_reach(
            points in prop::collection::vec((-9.0..9.0_f64, 0.1..4.0_f64), 6..40),
            at in 0.0..1.0_f64,
            reach in 1_usize..5,
        ) {
            let cells = sorted(points);
            // Three cuts, no two at one place.
            let cuts: Vec<usize> = (0..3).map(|cut| 1 + cut + ((cells.len() - 4) as f64 * at) as usize).collect();
            let moved = settle(&cells, &cuts, reach, 1);
            prop_assert!(moved.is_sorted_by(|a, b| a < b) && moved[0] > 0 && moved[2] < cells.len());
            prop_assert!(moved.iter().zip(&cuts).all(|(new, old)| new.abs_diff(*old) <= reach));
            prop_assert!(scatter(&cells, &moved) <= scatter(&cells, &cuts) + 1e-9);
            let best = cluster(&cells, 4);
            let everywhere = settle(&cells, &cuts, cells.len(), 1);
            prop_assert!((scatter(&cells, &everywhere) - best.error).abs() < 1e-9);
        }

        #[test]
        fn cells_join_as_the_sums_say(points in prop::collection::vec((-9.0..9.0_f64, 0.1..4.0_f64), 1..30)) {
            let all = Cell::joined(&sorted(points.clone()));
            let importance: f64 = points.iter().map(|point| point.1).sum();
            let mean = points.iter().map(|point| point.0 * point.1).sum::<f64>() / importance;
            let scatter: f64 = points.iter().map(|point| point.1 * (point.0 - mean).powi(2)).sum();
            prop_assert!((all.importance - importance).abs() < 1e-9);
            prop_assert!((all.mean - mean).abs() < 1e-9);
            prop_assert!((all.scatter - scatter).abs() < 1e-9 * (1.0 + scatter));
        }
    }

    #[test]
    fn three_heaps_are_found() {
        let points = [-5.0, -5.1, -4.9, 0.0, 0.1, 7.0, 7.2];
        let cells = sorted(points.iter().map(|&x| (x, 1.0)).collect());
        let got = clusters(&cells, &cluster(&cells, 3).cuts);
        for (got, expected) in got.iter().zip([-5.0, 0.05, 7.1]) {
            assert!((got.mean - expected).abs() < 1e-12);
        }
        assert!(cluster(&[], 3).cuts.is_empty());
        assert_eq!(cluster(&cells, 100).error, 0.0);
    }

    #[test]
    fn an_outlier_costs_the_others_no_digits() {
        let cells: Vec<Cell> = (0..100).map(f64::from).chain([1e12]).map(|x| Cell::of(x, 1.0)).collect();
        assert_eq!(cluster(&cells, 11).cuts, (1..=10).map(|cut| 10 * cut).collect::<Vec<usize>>());
    }
}
