//! Standard output: written in one go, and quiet about a reader that went away.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Writes `text` to standard output.
///
/// A closed pipe is not an error: `mixpress inspect FILE | head -3` has what it wanted.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    forgiving(&mut io::stdout().lock(), text).context("cannot write to standard output")
}

fn forgiving(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed(ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_forgiven_and_a_full_disk_is_not() {
        assert!(forgiving(&mut Closed(ErrorKind::BrokenPipe), "x").is_ok());
        assert!(forgiving(&mut Closed(ErrorKind::StorageFull), "x").is_err());
    }
}
