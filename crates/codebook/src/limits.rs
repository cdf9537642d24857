//! What a reader lets a file ask for.

use std::hint::black_box;

use crate::Error;

/// Limits on what a file may make its reader allocate or compute.
///
/// A file of a few bytes can honestly declare a tensor of millions of zeros, so the size of a file bounds little. The
/// defaults let networks of up to a quarter of a billion parameters in, [`Limits::tensor_by_tensor`] any that is decoded a
/// tensor at a time; raise them for a file that you trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of all tensors together, the units of all groups included (default 2^28).
    pub max_total_elements: u64,
    /// Entries of one tensor (default 2^34).
    pub max_tensor_elements: u64,
    /// Bytes, decoded, of what takes next to none in the file (default 2^34): of a tensor whose entries are all alike
    /// or nearly so; and of all that is held from the opening on, as flags of units and tensors that stand in the
    /// stream. More takes a byte in the file for each 4096. An honest file meets this with a constant tensor of 16 GiB.
    pub max_unbacked_bytes: u64,
    /// Bytes of the header, of names and shapes, of the metadata and of a compressed definition, each (default 2^24).
    pub max_header_bytes: u64,
    /// Number of tensors, and of groups (default 2^20).
    pub max_tensors: u64,
    /// Bytes of the stream (default 2^28): it is in memory while a file is opened.
    pub max_stream_bytes: u64,
    /// Bytes of what is no regular file, as a pipe (default 2^30): all of it is in memory.
    pub max_piped_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_total_elements: 1 << 28,
            max_tensor_elements: 1 << 34,
            max_unbacked_bytes: 1 << 34,
            max_header_bytes: 1 << 24,
            max_tensors: 1 << 20,
            max_stream_bytes: 1 << 28,
            max_piped_bytes: 1 << 30,
        }
    }
}

/// Decoded bytes that a byte in the file may stand for, however many those are. Weights at a hundredth of a bit take fewer.
const MOST_A_BYTE: u64 = 1 << 12;

impl Limits {
    /// The defaults for a reader that never holds more than one decoded tensor: the entries of all tensors together may be
    /// 2^40. [`ContainerWriter::new`](crate::ContainerWriter::new) writes for such a reader.
    #[must_use]
    pub fn tensor_by_tensor() -> Self {
        Self { max_total_elements: 1 << 40, ..Self::default() }
    }

    /// The most bytes that so many in the file may become.
    fn most_of(&self, stored: u64) -> u64 {
        self.max_unbacked_bytes.max(stored.saturating_mul(MOST_A_BYTE))
    }

    /// Refuses a tensor of `decoded` bytes if those that it has in the file are too few for that.
    pub(crate) fn tensor(&self, name: &str, decoded: u64, stored: u64) -> Result<(), Error> {
        let limit = self.most_of(stored);
        if decoded > limit {
            let what = "bytes, decoded, of its few in the file";
            return Err(Error::TensorLimit { name: name.into(), what, claimed: decoded, limit });
        }
        Ok(())
    }

    /// Refuses a stream whose contents have the reader hold `held` bytes, if it is too short for that.
    pub(crate) fn held(&self, held: u64, stream: u64) -> Result<(), Error> {
        let limit = self.most_of(stream);
        if held > limit {
            return Err(Error::Limit { what: "bytes to hold from its opening on", claimed: held, limit });
        }
        Ok(())
    }
}

/// So many zeros, or an error that names the tensor which needs them.
pub(crate) fn zeros<T: Clone + Default>(name: &str, count: usize) -> Result<Vec<T>, Error> {
    // Asked for and given back: `vec!` gets zeros from the system untouched, which is faster than filling, but cannot fail.
    let mut room = Vec::<T>::new();
    if black_box(&mut room).try_reserve_exact(count).is_err() {
        let bytes = (count as u64).saturating_mul(size_of::<T>() as u64);
        return Err(Error::Memory { name: name.into(), bytes });
    }
    drop(black_box(room));
    Ok(vec![T::default(); count])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_memory_holds_is_an_error_that_names_the_tensor() {
        assert_eq!(zeros::<u8>("w", 3).unwrap(), [0; 3]);
        let error = zeros::<f32>("fc1.weight", usize::MAX / 8).unwrap_err();
        assert_eq!(error, Error::Memory { name: "fc1.weight".into(), bytes: usize::MAX as u64 / 8 * 4 });
        assert!(zeros::<u16>("w", usize::MAX).is_err());
    }

    #[test]
    fn few_bytes_become_so_many_and_more_take_more() {
        let limits = Limits { max_unbacked_bytes: 1 << 20, ..Limits::default() };
        assert!(limits.tensor("t", 1 << 20, 0).is_ok() && limits.tensor("t", (1 << 20) + 1, 256).is_err());
        assert!(limits.tensor("t", 1 << 24, 1 << 12).is_ok() && limits.tensor("t", (1 << 24) + 1, 1 << 12).is_err());
        assert!(limits.held(u64::MAX, u64::MAX).is_ok() && limits.held(u64::MAX, 9).is_err());
    }
}
