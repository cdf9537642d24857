//! What a reader lets a file ask for.

/// Limits on what a file may make its reader allocate or compute.
///
/// A file of a few bytes can honestly declare a tensor of millions of zeros, so the size of a file bounds nothing. The
/// defaults let networks of up to a quarter of a billion parameters in; raise them for a file that you trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of all tensors together, the units of all groups included (default 2^28).
    pub max_total_elements: u64,
    /// Bytes of the header, of names and shapes, of the metadata and of a compressed definition, each (default 2^24).
    pub max_header_bytes: u64,
    /// Number of tensors, and of groups (default 2^16).
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
            max_header_bytes: 1 << 24,
            max_tensors: 1 << 16,
            max_stream_bytes: 1 << 28,
            max_piped_bytes: 1 << 30,
        }
    }
}
