//! The adaptive coding of a sparse matrix: row by row, for each entry whether it is zero, its sign, its magnitude.
//!
//! A symbol is 0 for a zero entry, otherwise the number of codebook values between it and zero, itself included, with
//! the sign of its side. When the columns are *sorted*, those that agreed on all rows so far form a run that
//! [`code_run`] codes at once.

use crate::{
    binary::BinaryCoder,
    geometry::Geometry,
    magnitude::Magnitudes,
    position::{Positions, Window},
    runs::code_run,
    sign::Signs,
    tuning::Tuning,
};

/// Bits spent on each part of a tensor.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Spent {
    pub(crate) positions: f64,
    pub(crate) signs: f64,
    pub(crate) magnitudes: f64,
}

/// Largest magnitude on either side of zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides {
    pub(crate) negative: u32,
    pub(crate) positive: u32,
}

/// Codes `rows` rows of `symbols` (a decoder fills them in).
pub(crate) fn code_matrix<C: BinaryCoder>(
    coder: &mut C,
    geometry: &Geometry,
    tuning: &Tuning,
    rows: usize,
    sides: Sides,
    sorted: bool,
    symbols: &mut [i32],
) -> Spent {
    let mut model = Model {
        geometry,
        sides,
        positions: Positions::new(geometry, rows, tuning),
        signs: Signs::new(geometry, tuning),
        magnitudes: Magnitudes::new(geometry.columns, tuning),
        begins: vec![!sorted; geometry.columns],
        spent: Spent::default(),
    };
    if let Some(first) = model.begins.first_mut() {
        *first = true;
    }
    for (number, row) in symbols.chunks_exact_mut(geometry.columns.max(1)).enumerate() {
        model.positions.next_row(number);
        model.signs.next_row();
        model.magnitudes.next_row();
        let mut start = 0;
        while start < row.len() {
            let end = (start + 1..row.len()).find(|&c| model.begins[c]).unwrap_or(row.len());
            model.run(coder, row, start, end);
            start = end;
        }
    }
    model.spent
}

/// Whether the columns of a matrix stand in the order that [`code_matrix`] calls sorted: by their entries from the first
/// row down, zero before positive before negative, small magnitudes before large ones.
pub(crate) fn is_sorted(columns: usize, symbols: &[i32]) -> bool {
    let mut equal = vec![true; columns];
    for row in symbols.chunks_exact(columns.max(1)) {
        for c in 1..columns {
            if equal[c] {
                match sort_key(row[c - 1]).cmp(&sort_key(row[c])) {
                    std::cmp::Ordering::Less => equal[c] = false,
                    std::cmp::Ordering::Equal => {}
                    std::cmp::Ordering::Greater => return false,
                }
            }
        }
    }
    true
}

/// Place of a symbol in the order of sorted columns.
pub(crate) fn sort_key(symbol: i32) -> (bool, bool, u32) {
    (symbol != 0, symbol < 0, symbol.unsigned_abs())
}

struct Model<'a> {
    geometry: &'a Geometry,
    sides: Sides,
    positions: Positions,
    signs: Signs,
    magnitudes: Magnitudes,
    /// Whether a run begins at a column: it differs from the one before it.
    begins: Vec<bool>,
    spent: Spent,
}

impl Model<'_> {
    /// Codes the entries of columns `start..end`, equal so far.
    fn run<C: BinaryCoder>(&mut self, coder: &mut C, row: &mut [i32], start: usize, end: usize) {
        let before = coder.spent();
        let window = Window::new(self.geometry, start, row);
        let opinion = self.positions.opinion(self.geometry, start, &window);
        let zeros = row[start..end].iter().take_while(|&&s| s == 0).count();
        let first = start + code_run(coder, end - start, zeros, opinion.p);
        for c in start..end {
            self.positions.update(self.geometry, c, &opinion, c >= first);
        }
        row[start..first].fill(0);
        self.spent.positions += coder.spent() - before;
        if first == end {
            return;
        }
        self.begins[first] = true;

        let before = coder.spent();
        let negative_from = self.code_signs(coder, row, first, end, &window);
        if negative_from < end {
            self.begins[negative_from] = true;
        }
        self.spent.signs += coder.spent() - before;

        let before = coder.spent();
        self.code_magnitudes(coder, &mut row[..negative_from], first, false);
        self.code_magnitudes(coder, &mut row[..end], negative_from, true);
        self.spent.magnitudes += coder.spent() - before;
    }

    /// Codes the signs of nonzero entries, positive ones first; returns where the negative ones begin.
    fn code_signs<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        row: &[i32],
        start: usize,
        end: usize,
        window: &Window,
    ) -> usize {
        if self.sides.negative == 0 || self.sides.positive == 0 {
            let negative = self.sides.negative > 0;
            (start..end).for_each(|c| self.signs.note(c, negative));
            return if negative { start } else { end };
        }
        let opinion = self.signs.opinion(self.geometry, start, window);
        let positives = row[start..end].iter().take_while(|&&s| s > 0).count();
        let negative_from = start + code_run(coder, end - start, positives, opinion.p);
        for c in start..end {
            self.signs.update(c, &opinion, c >= negative_from);
        }
        negative_from
    }

    /// Codes the magnitudes of the entries from `start` to the end of `row`, small ones first, and sets the symbols.
    fn code_magnitudes<C: BinaryCoder>(&mut self, coder: &mut C, row: &mut [i32], mut start: usize, negative: bool) {
        let (max, sign) = if negative { (self.sides.negative, -1) } else { (self.sides.positive, 1) };
        let end = row.len();
        let mut step = 1;
        while start < end && step < max {
            let opinion = self.magnitudes.opinion(start, negative, step);
            let small = row[start..end].iter().take_while(|s| s.unsigned_abs() <= step).count();
            let larger_from = start + code_run(coder, end - start, small, opinion.p);
            for c in start..end {
                self.magnitudes.update(c, step, &opinion, c >= larger_from);
            }
            row[start..larger_from].fill(sign * step as i32);
            if larger_from < end {
                self.begins[larger_from] = true;
            }
            start = larger_from;
            step += 1;
        }
        row[start..end].fill(sign * step as i32);
    }
}
