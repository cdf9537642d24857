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

/// The strips of each block: matrix by matrix, left to right, each strip followed by those of the same columns of the
/// matrices that its matrix predicts. A block ends with the strips that bring its entries to [`BLOCK`].
pub(super) fn blocks(shapes: &[[usize; 2]], partner: impl Fn(usize) -> Option<usize>) -> Vec<Vec<Strip>> {
    let lanes = lanes(shapes);
    let mut together: Vec<Vec<usize>> = (0..shapes.len()).map(|matrix| vec![matrix]).collect();
    for matrix in 0..shapes.len() {
        if let Some(partner) = partner(matrix) {
            together[matrix].clear();
            together[partner].push(matrix);
        }
    }
    let mut blocks = vec![Vec::new()];
    let mut entries = 0;
    for matrices in together.iter().filter(|matrices| !matrices.is_empty()) {
        let [rows, columns] = shapes[matrices[0]];
        if rows == 0 {
            continue;
        }
        for first in (0..columns).step_by(lanes) {
            if entries >= BLOCK {
                blocks.push(Vec::new());
                entries = 0;
            }
            let width = lanes.min(columns - first);
            for &matrix in matrices {
                entries = entries.saturating_add(rows.saturating_mul(width));
                let last = blocks.len() - 1;
                blocks[last].push(Strip { matrix, first, width });
            }
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
        let alone = |_| None;
        let blocks = blocks(&shapes, alone);
        let widths: Vec<Vec<usize>> = blocks.iter().map(|b| b.iter().map(|strip| strip.width).collect()).collect();
        assert_eq!(widths, [vec![64, 36, 64], vec![64], vec![2], vec![1]]);
        assert_eq!(blocks[2], [Strip { matrix: 3, first: 128, width: 2 }]);
        assert_eq!(super::blocks(&[], alone), [vec![]]);
        let pairs = super::blocks(&[[3, 130], [2, 1], [3, 130]], |matrix| (matrix == 2).then_some(0));
        let order: Vec<(usize, usize)> = pairs[0].iter().map(|strip| (strip.matrix, strip.first)).collect();
        assert_eq!(order[..4], [(0, 0), (2, 0), (0, 1), (2, 1)]);
        assert_eq!(order[260..], [(1, 0)]);
        // Strips of both predicted matrices stay with their partner's, wherever a block is full.
        let half = BLOCK / 128 + 1;
        let three = super::blocks(&[[half, 192]; 3], |matrix| (matrix > 0).then_some(0));
        let order: Vec<Vec<(usize, usize)>> =
            three.iter().map(|b| b.iter().map(|strip| (strip.matrix, strip.first)).collect()).collect();
        assert_eq!(order, [[(0, 0), (1, 0), (2, 0)], [(0, 64), (1, 64), (2, 64)], [(0, 128), (1, 128), (2, 128)]]);
        assert_eq!((lanes(&[[100, 100]]), lanes(&[[100, 200]]), lanes(&[[usize::MAX, 200]])), (1, 8, 64));
    }
}
