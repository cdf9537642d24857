//! Where the sections of a file go of which only the length is asked.

use std::io::{self, Read, Seek, SeekFrom, Write};

/// Takes bytes without keeping them, and gives zeros back.
#[derive(Debug, Default)]
pub(super) struct Uncollected {
    position: u64,
    length: u64,
}

impl Write for Uncollected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.position += bytes.len() as u64;
        self.length = self.length.max(self.position);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Uncollected {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (self.length - self.position.min(self.length)).min(into.len() as u64);
        into[..count as usize].fill(0);
        self.position += count;
        Ok(count as usize)
    }
}

impl Seek for Uncollected {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
