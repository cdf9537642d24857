//! Runs the built program and looks at what it leaves behind.
#![allow(dead_code, reason = "each test file is a program of its own and uses its part")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A recipe of four rounds, so that a run on the digits takes a second or two.
pub const SHORT: &str = "[plain]\nrounds = 1\n[joint]\nrounds = 1\n[hard]\nrounds = 1\n[tied]\nrounds = 1\n";

/// What a run of the program left.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    /// The program did what it was asked.
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "standard error: {}", self.stderr);
        self
    }

    /// The program said one line, `error: ...`, with every one of `words` in it, and nothing on standard output.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "standard error: {}", self.stderr);
        assert_eq!(self.stdout, "");
        assert_eq!(self.stderr.lines().count(), 1, "more than one line: {}", self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {}", self.stderr);
        }
        self
    }
}

/// A folder of its own for one test, in which the program runs.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        place.write("short.toml", SHORT);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file in the place")).expect("a folder");
        fs::write(path, bytes).expect("a writable folder");
    }

    /// Puts a model that another program made there: a file of `crates/interchange/tests/data`, or a folder of it.
    pub fn put(&self, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interchange/tests/data").join(name);
        if !from.is_dir() {
            return self.write(name, fs::read(from).expect("a fixture"));
        }
        for entry in fs::read_dir(from).expect("a fixture") {
            let entry = entry.expect("an entry").file_name();
            self.put(&format!("{name}/{}", entry.to_str().expect("Unicode")));
        }
    }

    /// The program, not yet started, standing in this folder.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mixpress"));
        command.current_dir(self.0.path()).args(args).stdin(Stdio::null());
        command
    }

    /// Starts the program, with pipes to read what it says.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Runs the program to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ended {
        self.command(args).output().expect("the program starts").into()
    }

    /// `mixpress compress --recipe short.toml` with further arguments.
    pub fn compress(&self, args: &[&str]) -> Ended {
        self.run(["compress", "--recipe", "short.toml"].iter().chain(args))
    }

    /// Every file below the folder, by its path from there.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a readable folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.strip_prefix(self.0.path()).expect("below the place").to_owned());
                }
            }
        }
        found
    }
}

/// Sends a program SIGINT, as Ctrl-C does.
#[cfg(unix)]
pub fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

/// The SHA-256 of a file.
pub fn hash(path: &Path) -> Vec<u8> {
    Sha256::digest(fs::read(path).expect("a readable file")).to_vec()
}

/// The bytes of a small valid `.mxp` file, made once for all tests of a program.
pub fn small_file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let place = Place::new();
        place.compress(&["--quiet", "-o", "small.mxp"]).done();
        fs::read(place.path("small.mxp")).expect("the file that was written")
    })
}

/// Writes the four files of a data set of 6 x 5 images as MNIST has them: `train` and `test` items, `train_labels` and
/// `test_labels` labels.
pub fn write_idx(place: &Place, folder: &str, train: [u32; 2], test: [u32; 2]) {
    let images = |count: u32| {
        let mut bytes = vec![0, 0, 8, 3];
        for value in [count, 6, 5] {
            bytes.extend(value.to_be_bytes());
        }
        bytes.extend((0..count * 30).map(|position| (position * 37 % 251) as u8));
        bytes
    };
    let labels = |count: u32| {
        let mut bytes = vec![0, 0, 8, 1];
        bytes.extend(count.to_be_bytes());
        bytes.extend((0..count).map(|position| (position % 10) as u8));
        bytes
    };
    place.write(&format!("{folder}/train-images-idx3-ubyte"), images(train[0]));
    place.write(&format!("{folder}/train-labels-idx1-ubyte"), labels(train[1]));
    place.write(&format!("{folder}/t10k-images-idx3-ubyte"), images(test[0]));
    place.write(&format!("{folder}/t10k-labels-idx1-ubyte"), labels(test[1]));
}
