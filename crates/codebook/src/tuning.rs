//! The constants of the adaptive model, one set for each arrangement of columns.
//!
//! They were tuned on trained networks (`docs/format.md` lists them); they decide how well a file is coded, and are part
//! of the format.

use crate::geometry::Arrangement;

/// Opinions on whether an entry is zero.
pub(crate) const POSITION_INPUTS: usize = 12;
/// Opinions on a sign.
pub(crate) const SIGN_INPUTS: usize = 8;
/// Opinions on a magnitude's next step.
pub(crate) const MAGNITUDE_INPUTS: usize = 4;

/// Where the mixers start, how fast they learn, and how strongly estimates lean on what they refine.
#[derive(Debug, Clone)]
pub(crate) struct Tuning {
    /// Weights of the position mixer in hundredths, in the order of [`crate::position`].
    pub(crate) position: [i32; POSITION_INPUTS],
    /// Its learning rate in units of 2^-16.
    pub(crate) position_rate: i32,
    /// Pseudo-counts in sixteenths: row, column, block, row in block, neighbouring columns, place, window.
    pub(crate) strength: [u32; 7],
    /// How many bits a fresh context counter counts as having seen.
    pub(crate) trust: u16,
    /// Weights of the sign mixer in hundredths.
    pub(crate) sign: [i32; SIGN_INPUTS],
    /// Its learning rate.
    pub(crate) sign_rate: i32,
    /// Logit of one vote, and of one unit of the window's sum, in 1/256 nat.
    pub(crate) vote: [i32; 2],
    /// Weights of the magnitude mixer in hundredths.
    pub(crate) magnitude: [i32; MAGNITUDE_INPUTS],
    /// Its learning rate.
    pub(crate) magnitude_rate: i32,
    /// Pseudo-counts of row and column magnitudes in sixteenths.
    pub(crate) magnitude_strength: u32,
}

/// Columns without an order.
const LOOSE: Tuning = Tuning {
    position: [82, 36, 44, 10, 5, 125, 15, -41, 13, 4, -6, 53],
    position_rate: 35,
    strength: [263, 249, 400, 110, 376, 722, 197],
    trust: 9,
    sign: [10, -39, -27, -7, 130, 190, 0, 113],
    sign_rate: 290,
    vote: [227, 9],
    magnitude: [90, 1, 15, -3],
    magnitude_rate: 31,
    magnitude_strength: 88,
};

/// Columns that are pixels.
const IMAGE: Tuning = Tuning {
    position: [87, -54, 24, 10, 40, 45, 5, -46, 33, 24, -1, 43],
    position_rate: 29,
    strength: [4027, 359, 601, 110, 176, 722, 322],
    trust: 8,
    sign: [-15, -39, -2, -27, 110, 220, 0, 108],
    sign_rate: 16,
    vote: [158, 7],
    magnitude: [75, 16, 20, 27],
    magnitude_rate: 236,
    magnitude_strength: 19,
};

/// Columns that are places of kernels.
const KERNEL: Tuning = Tuning {
    position: [92, 71, -21, 35, 15, 65, -100, 54, 3, 14, -11, 48],
    position_rate: 100,
    strength: [203, 175, 236, 523, 679, 1367, 964],
    trust: 9,
    sign: [20, -89, 3, -17, 15, 210, 15, 73],
    sign_rate: 1177,
    vote: [114, 3],
    magnitude: [80, 6, -15, 12],
    magnitude_rate: 31,
    magnitude_strength: 38,
};

/// Columns that are places of feature maps.
const BLOCK: Tuning = Tuning {
    position: [87, 66, 24, 20, 20, 40, -60, 14, -2, 9, -6, 58],
    position_rate: 7,
    strength: [2145, 1215, 867, 48, 565, 722, 356],
    trust: 6,
    sign: [-15, -39, 18, 18, 65, 215, 15, 58],
    sign_rate: 366,
    vote: [134, 0],
    magnitude: [95, 16, 15, 12],
    magnitude_rate: 31,
    magnitude_strength: 38,
};

/// The start of the model for columns so arranged.
pub(crate) fn tuning(arrangement: Arrangement) -> &'static Tuning {
    match arrangement {
        Arrangement::Loose => &LOOSE,
        Arrangement::Image => &IMAGE,
        Arrangement::Kernel => &KERNEL,
        Arrangement::Block => &BLOCK,
    }
}
