//! Payloads for tests, and models in memory.

#![allow(dead_code, reason = "each test that has this module needs a part of it")]

pub mod build;

use std::borrow::Cow;

use mixpress_interchange::{BoxError, Error, Model, Payloads, Skeleton};

/// The payloads of a model, as they are.
pub fn unchanged(model: &Model) -> impl FnMut(usize) -> Result<Cow<'static, [u8]>, BoxError> {
    |tensor| Ok(Cow::Owned(model.payload(tensor)?))
}

/// The payloads of a model, its weights with other signs.
pub fn negated(model: &Model) -> impl FnMut(usize) -> Result<Cow<'static, [u8]>, BoxError> {
    |tensor| {
        let element = model.tensors()[tensor].element();
        let mut payload = model.payload(tensor)?;
        if element.is_compressible() {
            let width = element.bits() as usize / 8;
            payload.chunks_mut(width).for_each(|value| value[width - 1] ^= 0x80);
        }
        Ok(Cow::Owned(payload))
    }
}

/// A model of one file, or a sharded one, as one file.
pub fn bytes_of(skeleton: &Skeleton, payloads: &mut Payloads<'_, '_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    skeleton.write_to(&mut bytes, payloads)?;
    Ok(bytes)
}
