//! Which columns stand side by side in the stream, and where it is cut.

use crate::rans::{self, BLOCK};

/// Adjacent columns of a matrix, a lane each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strip {
    pub(super) matrix: usize,
    pub(super) first: usize,
    pub(super) width: usize,
}

/// Lanes of a section of matrices of such rows and columns: as of a block of as many symbols.
pub(super) fn lanes(shapes: &[[usize; 2]]) -> usize {
    let entries = shapes.iter().map(|&[rows, columns]| rows.saturating_mul(columns));
    rans::lanes(entries.fold(0, usize::saturating_add))
}

/// The strips of each block: matrix by matrix, left to right. A block ends with the strip that brings its entries to
/// [`BLOCK`].
pub(super) fn blocks(shapes: &[[usize; 2]]) -> Vec<Vec<Strip>> {
    let lanes = lanes(shapes);
    let mut blocks = vec![Vec::new()];
    let mut entries = 0;
    for (matrix, &[rows, columns]) in shapes.iter().enumerate() {
        if rows == 0 {
            continue;
        }
        for first in (0..columns).step_by(lanes) {
            if entries >= BLOCK {
                blocks.push(Vec::new());
                entries = 0;
            }
            let width = lanes.min(columns - first);
            entries = entries.saturating_add(rows.saturating_mul(width));
            let last = blocks.len() - 1;
            blocks[last].push(Strip { matrix, first, width });
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_in_one_strip_and_blocks_are_cut_between_strips() {
        let shapes = [[3, 100], [0, 7], [5, 0], [BLOCK, 130], [1, 1]];
        let blocks = blocks(&shapes);
        let widths: Vec<Vec<usize>> = blocks.iter().map(|b| b.iter().map(|strip| strip.width).collect()).collect();
        assert_eq!(widths, [vec![64, 36, 64], vec![64], vec![2], vec![1]]);
        assert_eq!(blocks[2], [Strip { matrix: 3, first: 128, width: 2 }]);
        assert_eq!(super::blocks(&[]), [vec![]]);
        assert_eq!((lanes(&[[100, 100]]), lanes(&[[100, 200]]), lanes(&[[usize::MAX, 200]])), (1, 8, 64));
    }
}
