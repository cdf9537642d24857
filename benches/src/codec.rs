//! A stream as the file holds it, and the same stream by zstd.

use mixpress::codebook::{self, Archive, Container};

use crate::streams::Stream;

/// The level at which anchors were measured.
const ZSTD_LEVEL: i32 = 19;

/// The bytes of a file that holds a stream.
#[derive(Clone, Debug)]
pub struct Coded {
    /// The file.
    pub bytes: Vec<u8>,
    /// Weights.
    pub len: usize,
}

impl Coded {
    /// Encodes a stream.
    #[must_use]
    pub fn new(stream: &Stream) -> Self {
        Self { bytes: encode(&stream.container()), len: stream.len() }
    }

    /// Bits a weight, everything in the file included.
    #[must_use]
    pub fn bits(&self) -> f64 {
        8.0 * self.bytes.len() as f64 / self.len as f64
    }

    /// Opens the file and decodes all weights into values.
    pub fn values_into(&self, out: &mut [f32]) {
        self.each(out, |tensor, out| tensor.values_into(out));
    }

    /// Opens the file and decodes all weights into indices.
    pub fn indices_into(&self, out: &mut [u16]) {
        self.each(out, |tensor, out| tensor.indices_into(out));
    }

    /// Opens the file and decodes all weights into indices of a byte.
    pub fn indices_u8_into(&self, out: &mut [u8]) {
        self.each(out, |tensor, out| tensor.indices_u8_into(out));
    }

    fn each<T>(
        &self,
        mut out: &mut [T],
        decode: impl Fn(&codebook::StoredTensor<'_>, &mut [T]) -> Result<(), codebook::Error>,
    ) {
        let archive = Archive::open(&self.bytes).expect("a file that was just written");
        for tensor in archive.tensors() {
            let (part, rest) = out.split_at_mut(tensor.len());
            decode(tensor, part).expect("a file that was just written");
            out = rest;
        }
    }
}

/// The bytes of a file.
///
/// # Panics
/// If the container is not valid.
#[must_use]
pub fn encode(container: &Container) -> Vec<u8> {
    codebook::encode(container).expect("a valid container")
}

/// The stream by zstd, one byte a weight.
///
/// # Panics
/// If zstd does.
#[must_use]
pub fn zstd(stream: &Stream) -> Vec<u8> {
    zstd::bulk::compress(&stream.bytes(), ZSTD_LEVEL).expect("zstd compresses any bytes")
}

/// Decodes what [`zstd()`] made.
///
/// # Panics
/// If `out` has not as many bytes as there are weights.
pub fn zstd_into(bytes: &[u8], out: &mut [u8]) {
    let length = zstd::bulk::decompress_to_buffer(bytes, out).expect("what zstd made");
    assert_eq!(length, out.len(), "zstd gives all weights");
}

/// Runs `work` with a pool of one thread.
///
/// # Panics
/// If no thread can be started.
pub fn on_one_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread").install(work)
}
