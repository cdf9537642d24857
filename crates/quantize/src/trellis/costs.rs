//! What each number costs in each class.

use mixpress_codebook::trellis::{MAX_CLASSES, Model, PATCH_BITS};

/// What a bit costs, in squared steps.
const LAMBDA: f32 = 0.4;
/// Squared error, in squared steps, from which on a number of its own is cheaper.
pub(super) const PATCHED: f32 = LAMBDA * PATCH_BITS;

/// Numbers of a class, -256 to 255.
const SPAN: usize = 512;
const CLASSES: usize = MAX_CLASSES.next_power_of_two();

/// Costs in squared steps. Tables have a power of two as length, so that a masked place needs no check.
#[derive(Debug)]
pub(super) struct Costs {
    /// At `512 class + 256 + number`.
    pub(super) bits: Box<[f32; SPAN * CLASSES]>,
    /// Where to a class's weights are moved that are larger, so that the four numbers below them are all in the table.
    pub(super) limits: [f32; CLASSES],
}

/// The cost of a number that its table lacks: more than any way around it.
const NEVER: f32 = 1e6;

impl Costs {
    pub(super) fn new(model: &Model) -> Self {
        let mut bits: Box<[f32; SPAN * CLASSES]> =
            vec![NEVER; SPAN * CLASSES].try_into().unwrap_or_else(|_| unreachable!("it was made as long"));
        let mut limits = [0.0; CLASSES];
        for class in 0..usize::from(model.classes) {
            let tables = model.tables(class);
            limits[class] = (tables.largest - 3) as f32;
            for number in -tables.largest..=tables.largest {
                bits[SPAN * class + (number + SPAN as i32 / 2) as usize] = LAMBDA * tables.bits(number);
            }
        }
        Self { bits, limits }
    }

    /// Place of a class's zero.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    pub(super) fn zero(class: i32) -> i32 {
        class * SPAN as i32 + SPAN as i32 / 2
    }

    /// The cost at a place.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    pub(super) fn at(&self, place: i32) -> f32 {
        self.bits[place as usize % (SPAN * CLASSES)]
    }

    /// The limit of a class.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    pub(super) fn limit(&self, class: i32) -> f32 {
        self.limits[class as usize % CLASSES]
    }
}
