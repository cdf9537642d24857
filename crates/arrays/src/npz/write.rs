//! Arrays as an `.npz` file, the same bytes each time.

use std::fmt::Write as _;
use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::{Array, Arrays, Values};

impl Arrays {
    /// Writes an `.npz` file that numpy reads: arrays in C order, deflated. Returns the writer.
    ///
    /// The same arrays give the same bytes: no entry has a time but the earliest that a zip can say.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_npz<W: Write + Seek>(&self, writer: W) -> io::Result<W> {
        let mut archive = ZipWriter::new(writer);
        for (name, array) in self.iter() {
            let (header, entries) = (header(array), array.values().len() as u64);
            let options = SimpleFileOptions::DEFAULT
                .compression_method(CompressionMethod::Deflated)
                .last_modified_time(DateTime::DEFAULT)
                .unix_permissions(0o644)
                // Beyond this a zip has to say sizes in another way, and has to know so beforehand.
                .large_file(entries > 1 << 29);
            archive.start_file(format!("{name}.npy"), options)?;
            archive.write_all(&header)?;
            match array.values() {
                Values::F32(values) => put(&mut archive, values, f32::to_le_bytes)?,
                Values::I32(values) => put(&mut archive, values, i32::to_le_bytes)?,
                Values::U8(values) => archive.write_all(values)?,
            }
        }
        Ok(archive.finish()?)
    }
}

/// The header of a `.npy` file of version 1, as numpy writes it: padded so that entries begin at a multiple of 64 bytes.
fn header(array: &Array) -> Vec<u8> {
    let dtype = match array.values() {
        Values::F32(_) => "<f4",
        Values::I32(_) => "<i4",
        Values::U8(_) => "|u1",
    };
    let mut text = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': (");
    for length in array.shape() {
        // Writing into a text cannot fail.
        let _ = write!(text, "{length}, ");
    }
    text.push_str("), }");
    // The magic word, the version, the length and the line's end take 11 bytes.
    let padded = (text.len() + 11).next_multiple_of(64) - 11;
    let text = format!("{text:padded$}\n");
    // An array has at most 64 axes, and their lengths take less than 2 KiB.
    let length = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes()].concat()
}

/// Writes entries, some at a time.
fn put<T: Copy>(to: &mut impl Write, values: &[T], encode: impl Fn(T) -> [u8; 4]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for part in values.chunks(1 << 14) {
        bytes.clear();
        bytes.extend(part.iter().flat_map(|&value| encode(value)));
        to.write_all(&bytes)?;
    }
    Ok(())
}
