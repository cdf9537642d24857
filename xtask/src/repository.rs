//! Where the repository lies.

use std::path::{Path, PathBuf};

/// The folder of the workspace's `Cargo.toml`: the parent of this package's.
pub fn root() -> PathBuf {
    // `cargo run` says where the package lies now; the path of the build is for a program that was started by hand.
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
