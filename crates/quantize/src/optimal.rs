//! Optimal one-dimensional clustering by dynamic programming.
//!
//! In one dimension the clusters of an optimal codebook are intervals, so the best `k` levels for the first `j` cells of sorted
//! data are the best `k - 1` for the first `i < j` and one more level for the rest. The cost of an interval comes from prefix
//! sums, and the best `i` never falls as `j` grows (the cost has the Monge property), so divide and conquer finds a row of
//! the table in O(B log B): O(K B log B) in all, with no starting point to be unlucky with. (Wu 1991, *Optimal quantization by
//! matrix searching*; Wang and Song 2011, *Ckmeans.1d.dp*.)

/// Some values that are not to be told apart: their total importance, and importance-weighted sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) importance: f64,
    /// `Σ importance · x`.
    pub(crate) first: f64,
    /// `Σ importance · x²`.
    pub(crate) second: f64,
}

impl Cell {
    pub(crate) fn of(x: f64, importance: f64) -> Self {
        Self { importance, first: importance * x, second: importance * x * x }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.importance += other.importance;
        self.first += other.first;
        self.second += other.second;
    }

    /// The level with the least squared error.
    pub(crate) fn mean(&self) -> f64 {
        self.first / self.importance
    }

    /// The squared error of that level.
    pub(crate) fn error(&self) -> f64 {
        if self.importance > 0.0 { (self.second - self.first * self.first / self.importance).max(0.0) } else { 0.0 }
    }
}

/// An optimal division of cells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clusters {
    /// One level a cluster, ascending.
    pub(crate) levels: Vec<f64>,
    /// The squared error of all cells, that within cells included.
    pub(crate) error: f64,
}

/// Divides cells, in ascending order and each of positive importance, into at most `levels` intervals.
pub(crate) fn cluster(cells: &[Cell], levels: usize) -> Clusters {
    let levels = levels.min(cells.len());
    if levels == 0 {
        return Clusters { levels: Vec::new(), error: 0.0 };
    }
    let sums = Prefix::new(cells);
    let len = cells.len();
    let mut best: Vec<f64> = (1..=len).map(|end| sums.error(0, end)).collect();
    // `cuts[k][j]`: where the last of `k + 2` clusters of the first `j + 1` cells begins.
    let mut cuts: Vec<Vec<u32>> = Vec::with_capacity(levels - 1);
    for clusters in 2..=levels {
        let mut row = vec![0; len];
        let mut next = vec![0.0; len];
        let least = clusters - 1;
        // Fewer cells than clusters are never asked for; they cost nothing.
        fill_row(&sums, &best, &mut next, &mut row, least..len, least..len);
        best = next;
        cuts.push(row);
    }
    let mut levels = Vec::with_capacity(levels);
    let mut end = len;
    for row in cuts.iter().rev() {
        let start = row[end - 1] as usize;
        levels.push(sums.mean(start, end));
        end = start;
    }
    levels.push(sums.mean(0, end));
    levels.reverse();
    Clusters { levels, error: best[len - 1] }
}

/// Fills positions `ends` of a row: the cell at each is the last of the last cluster, which begins in `starts`.
fn fill_row(
    sums: &Prefix,
    before: &[f64],
    next: &mut [f64],
    row: &mut [u32],
    ends: std::ops::Range<usize>,
    starts: std::ops::Range<usize>,
) {
    if ends.is_empty() {
        return;
    }
    let end = usize::midpoint(ends.start, ends.end);
    let (mut cost, mut cut) = (f64::INFINITY, starts.start);
    for start in starts.start..starts.end.min(end + 1) {
        let with = before[start - 1] + sums.error(start, end + 1);
        if with < cost {
            (cost, cut) = (with, start);
        }
    }
    next[end] = cost;
    row[end] = cut as u32;
    fill_row(sums, before, next, row, ends.start..end, starts.start..cut + 1);
    fill_row(sums, before, next, row, end + 1..ends.end, cut..starts.end);
}

/// Sums of the first cells, about the mean of all, which keeps differences of large numbers small.
struct Prefix {
    center: f64,
    sums: Vec<Cell>,
}

impl Prefix {
    fn new(cells: &[Cell]) -> Self {
        let mut all = Cell::default();
        for cell in cells {
            all.add(cell);
        }
        let center = all.mean();
        let mut running = Cell::default();
        let mut sums = vec![running];
        for cell in cells {
            running.add(&Cell {
                importance: cell.importance,
                first: cell.first - center * cell.importance,
                second: cell.second - 2.0 * center * cell.first + center * center * cell.importance,
            });
            sums.push(running);
        }
        Self { center, sums }
    }

    fn between(&self, start: usize, end: usize) -> Cell {
        let (low, high) = (&self.sums[start], &self.sums[end]);
        Cell {
            importance: high.importance - low.importance,
            first: high.first - low.first,
            second: high.second - low.second,
        }
    }

    #[inline]
    fn error(&self, start: usize, end: usize) -> f64 {
        self.between(start, end).error()
    }

    fn mean(&self, start: usize, end: usize) -> f64 {
        self.center + self.between(start, end).mean()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least error over all divisions into at most `levels` intervals, by trying them all.
    fn brute_force(cells: &[Cell], levels: usize) -> f64 {
        let joined = |cells: &[Cell]| {
            let mut all = Cell::default();
            for cell in cells {
                all.add(cell);
            }
            all.error()
        };
        if levels == 1 || cells.len() == 1 {
            return joined(cells);
        }
        (1..cells.len())
            .map(|cut| brute_force(&cells[..cut], levels - 1) + joined(&cells[cut..]))
            .fold(joined(cells), f64::min)
    }

    proptest! {
        #[test]
        fn it_is_optimal(mut points in prop::collection::vec((-9.0..9.0_f64, 0.1..4.0_f64), 1..10), levels in 1_usize..6) {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let cells: Vec<Cell> = points.iter().map(|&(x, importance)| Cell::of(x, importance)).collect();
            let got = cluster(&cells, levels);
            prop_assert_eq!(got.levels.len(), levels.min(cells.len()));
            prop_assert!(got.levels.is_sorted());
            let expected = brute_force(&cells, levels);
            prop_assert!((got.error - expected).abs() < 1e-9, "{} instead of {}", got.error, expected);
            // The levels have the error that they are said to have.
            let of_levels: f64 = points.iter().map(|&(x, importance)| {
                importance * got.levels.iter().map(|level| (x - level).powi(2)).fold(f64::INFINITY, f64::min)
            }).sum();
            prop_assert!((of_levels - expected).abs() < 1e-9, "{} instead of {}", of_levels, expected);
        }
    }

    #[test]
    fn three_heaps_are_found() {
        let points = [-5.0, -5.1, -4.9, 0.0, 0.1, 7.0, 7.2];
        let cells: Vec<Cell> = points.iter().map(|&x| Cell::of(x, 1.0)).collect();
        let got = cluster(&cells, 3);
        for (got, expected) in got.levels.iter().zip([-5.0, 0.05, 7.1]) {
            assert!((got - expected).abs() < 1e-12);
        }
        assert_eq!(cluster(&[], 3).levels, [0.0; 0]);
        assert!(cluster(&cells, 100).error < 1e-12);
    }
}
