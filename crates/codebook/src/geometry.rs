//! Where the columns of a matrix stand to each other: pixels of an image, places of a kernel, blocks of a channel.

use crate::{AxisRef, UnitGroup};

/// No column there.
pub(crate) const NONE: u32 = u32::MAX;

/// How far the window of coded neighbours reaches.
pub(crate) const REACH: i32 = 3;

/// Which kind of arrangement the columns have; each kind has its own start of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// Columns without an order.
    Loose,
    /// The pixels of an image.
    Image,
    /// Places of a convolution's kernel, a block an input channel.
    Kernel,
    /// A flattened feature map, a block a channel.
    Block,
}

/// The live columns of a matrix and their places on a grid.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    pub(crate) arrangement: Arrangement,
    /// Number of columns.
    pub(crate) columns: usize,
    /// Number of blocks that have a column.
    pub(crate) blocks: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Block, row and column on the grid of each column.
    pub(crate) cells: Vec<(u32, u16, u16)>,
    /// Column at each cell of each block, or `NONE`.
    at: Vec<u32>,
}

impl Geometry {
    /// The columns of a tensor of `shape`, given the live positions of each axis after the first.
    pub(crate) fn new(shape: &[usize], axes: &[Option<AxisRef>], groups: &[UnitGroup], live: &[Vec<u32>]) -> Self {
        let columns: usize = live.iter().skip(1).map(Vec::len).product();
        let loose = Self {
            arrangement: Arrangement::Loose,
            columns,
            blocks: 1,
            height: 1,
            width: 1,
            cells: Vec::new(),
            at: Vec::new(),
        };
        let (arrangement, height, width) = match shape {
            [_, _] => match axes[1] {
                Some(AxisRef { group, repeat: 1 }) => match groups[group].grid {
                    Some([h, w]) => (Arrangement::Image, h, w),
                    None => return loose,
                },
                Some(AxisRef { repeat, .. }) => {
                    let side = repeat.isqrt();
                    let (h, w) = if side * side == repeat { (side, side) } else { (1, repeat) };
                    (Arrangement::Block, h, w)
                }
                None => return loose,
            },
            [_, _, kernel] => (Arrangement::Kernel, 1, *kernel),
            [_, _, height, width] => (Arrangement::Kernel, *height, *width),
            _ => return loose,
        };
        // A side beyond 16 bits is no kernel and no image.
        if height > usize::from(u16::MAX) || width > usize::from(u16::MAX) {
            return loose;
        }
        let area = height * width;
        let mut cells = Vec::with_capacity(columns);
        let mut at = Vec::new();
        let mut blocks = 0usize;
        let mut last_block = None;
        // Positions ascend along every axis, so the columns of a block are consecutive.
        let mut push = |block: usize, place: usize| {
            if last_block != Some(block) {
                last_block = Some(block);
                blocks += 1;
                at.resize(blocks * area, NONE);
            }
            let number = cells.len() as u32;
            at[(blocks - 1) * area + place] = number;
            cells.push(((blocks - 1) as u32, (place / width) as u16, (place % width) as u16));
        };
        match live {
            [_, channels, ys, xs] => {
                for &channel in channels {
                    for &y in ys {
                        for &x in xs {
                            push(channel as usize, y as usize * width + x as usize);
                        }
                    }
                }
            }
            [_, channels, xs] => {
                for &channel in channels {
                    for &x in xs {
                        push(channel as usize, x as usize);
                    }
                }
            }
            _ => live[1].iter().for_each(|&position| push(position as usize / area, position as usize % area)),
        }
        Self { arrangement, columns, blocks, height, width, cells, at }
    }

    /// Whether columns have places at all.
    pub(crate) fn is_arranged(&self) -> bool {
        self.arrangement != Arrangement::Loose
    }

    /// Block and place within the block of a column.
    pub(crate) fn block_and_place(&self, column: usize) -> (usize, usize) {
        match self.cells.get(column) {
            Some(&(block, y, x)) => (block as usize, usize::from(y) * self.width + usize::from(x)),
            None => (0, 0),
        }
    }

    /// The column `dy` rows below and `dx` columns to the right in the same block, or `NONE`.
    pub(crate) fn neighbour(&self, column: usize, dy: i32, dx: i32) -> u32 {
        let Some(&(block, y, x)) = self.cells.get(column) else { return NONE };
        let (y, x) = (i32::from(y) + dy, i32::from(x) + dx);
        if y < 0 || x < 0 || y >= self.height as i32 || x >= self.width as i32 {
            return NONE;
        }
        self.at[(block as usize * self.height + y as usize) * self.width + x as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_live_pixels_are_live_pixels_beside_them() {
        let groups = [UnitGroup::pixels(2, 2, 3)];
        let live = [vec![0], vec![0, 1, 4, 6, 7, 11]];
        let axes = [None, Some(AxisRef::new(0))];
        let geometry = Geometry::new(&[1, 12], &axes, &groups, &live);
        assert_eq!((geometry.blocks, geometry.columns), (2, 6));
        assert_eq!(geometry.neighbour(1, 1, 0), 2, "pixel 4 is below pixel 1");
        assert_eq!(geometry.neighbour(1, 0, 1), NONE, "pixel 2 is dead");
        assert_eq!(geometry.neighbour(3, 0, -1), NONE, "pixel 6 is the corner of plane 1");
        assert_eq!(geometry.neighbour(3, 0, 1), 4);
        assert_eq!(geometry.block_and_place(5), (1, 5));
    }

    #[test]
    fn a_kernel_has_a_block_a_channel() {
        let live = [vec![0, 2], vec![1, 3], vec![0, 1], vec![0, 1]];
        let geometry = Geometry::new(&[3, 4, 2, 2], &[None; 4], &[], &live);
        assert_eq!((geometry.blocks, geometry.columns, geometry.arrangement), (2, 8, Arrangement::Kernel));
        assert_eq!(geometry.neighbour(7, -1, -1), 4);
    }
}
