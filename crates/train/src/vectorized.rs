//! Loops compiled for the vector units of the machine they run on.

/// Runs a loop compiled for the widest vector units at hand. No operation is fused or reordered by that, so the result has
/// the same bytes on every machine.
///
/// What `body` calls must be inlined into it to profit.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "the body must be compiled inside the function that has the vector units enabled"
)]
pub(crate) fn vectorized(body: impl FnOnce()) {
    pulp::Arch::new().dispatch(body);
}
