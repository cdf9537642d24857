//! Units that several tensor axes share, so that what a dead unit touches costs nothing.

use crate::Error;

/// A set of units (hidden units, channels, input pixels) that tensor axes share.
///
/// A unit is *live* when any tensor that refers to it has a nonzero entry there. A file says which units are live once
/// a group, and holds only the live part of each tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitGroup {
    /// Number of units.
    pub size: usize,
    /// Height and width, when units are the pixels of one or more planes stored plane by plane, row by row: neighbours
    /// on the grid then help to predict which units are live. `size` is a whole multiple of height times width.
    pub grid: Option<[usize; 2]>,
}

impl UnitGroup {
    /// Units without an order in space.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, grid: None }
    }

    /// Units that are the pixels of `planes` planes of `height` x `width`.
    #[must_use]
    pub fn pixels(planes: usize, height: usize, width: usize) -> Self {
        Self { size: planes * height * width, grid: Some([height, width]) }
    }

    pub(crate) fn check(&self, group: usize) -> Result<(), Error> {
        match self.grid {
            Some([h, w]) if h.checked_mul(w).is_none_or(|area| area == 0 || !self.size.is_multiple_of(area)) => {
                Err(Error::GroupGrid { group, units: self.size, grid: [h, w] })
            }
            _ => Ok(()),
        }
    }
}

/// Says that position `i` along a tensor's axis belongs to unit `i / repeat` of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AxisRef {
    /// Position of the group in [`Container::groups`](crate::Container::groups).
    pub group: usize,
    /// Consecutive positions a unit; 1 for a plain axis, 16 where a 4 x 4 feature map was flattened.
    pub repeat: usize,
}

impl AxisRef {
    /// One position a unit.
    #[must_use]
    pub fn new(group: usize) -> Self {
        Self { group, repeat: 1 }
    }

    /// `repeat` consecutive positions a unit.
    #[must_use]
    pub fn repeated(group: usize, repeat: usize) -> Self {
        Self { group, repeat }
    }

    pub(crate) fn check(&self, name: &str, axis: usize, length: usize, groups: &[UnitGroup]) -> Result<(), Error> {
        let Some(group) = groups.get(self.group) else {
            return Err(Error::AxisGroup { name: name.to_owned(), axis, group: self.group, groups: groups.len() });
        };
        if self.repeat == 0 || group.size.checked_mul(self.repeat) != Some(length) {
            return Err(Error::AxisLength {
                name: name.to_owned(),
                axis,
                length,
                group: self.group,
                units: group.size,
                repeat: self.repeat,
            });
        }
        Ok(())
    }
}
