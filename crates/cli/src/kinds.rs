//! What a file is that was given to a command which wants another kind of file, and what to do with it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use mixpress::codebook::MAGIC;
use mixpress::compress::{Format, Model};

/// Bytes that tell what a file is.
const HEAD: u64 = 512;

/// Endings of files that PyTorch writes.
const PYTORCH: [&str; 4] = ["pt", "pth", "bin", "ckpt"];

/// What a command wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A model of another program.
    Model,
    /// An `.mxp` file.
    Mxp,
    /// One of them.
    Either,
    /// Settings in TOML, or an `.mxp` file that has some.
    Recipe,
}

/// What a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    Mxp,
    PyTorch,
    Model(Format),
}

/// Why a file could not be opened: that it is of another kind than was wanted, where that is so; otherwise the error,
/// with what was to be done.
pub(crate) fn explained(
    error: impl Into<anyhow::Error>,
    path: &Path,
    wanted: Wanted,
    what: impl Fn() -> String,
) -> anyhow::Error {
    mistaken(path, wanted).map_or_else(|| error.into().context(what()), anyhow::Error::msg)
}

/// What is said of a file of another kind than was wanted.
pub(crate) fn mistaken(path: &Path, wanted: Wanted) -> Option<String> {
    let file = path.display();
    Some(match (kind(path)?, wanted) {
        (Kind::Folder, Wanted::Model) => format!(
            "{file} is a folder; name the model's file in it, such as model.safetensors, model.safetensors.index.json or model.onnx"
        ),
        (Kind::Folder, Wanted::Mxp) => format!("{file} is a folder; an .mxp file is wanted"),
        (Kind::Folder, Wanted::Either) => format!("{file} is a folder; a model's file or an .mxp file is wanted"),
        (Kind::Folder, Wanted::Recipe) => {
            format!("{file} is a folder; a TOML file of settings or an .mxp file is wanted")
        }
        (Kind::Mxp, Wanted::Model) => {
            format!("{file} is an .mxp file already; mixpress decompress gives back the model that is in it")
        }
        (Kind::PyTorch, _) => format!(
            "{file} is a PyTorch checkpoint (a pickle), which is not read here; where it is a state_dict, Python makes a safetensors \
             file of it: import torch, safetensors.torch; safetensors.torch.save_file(torch.load({:?}, map_location=\"cpu\", \
             weights_only=True), {:?})",
            path.to_string_lossy(),
            path.with_extension("safetensors").to_string_lossy(),
        ),
        (Kind::Model(format), Wanted::Mxp) => {
            format!("{file} is {}, not an .mxp file; mixpress compress makes one of it", in_words(format))
        }
        (Kind::Model(format), Wanted::Recipe) => format!(
            "{file} is {}, which has no recipe; name a TOML file of settings, or the .mxp file of a network that mixpress trained",
            in_words(format)
        ),
        (Kind::Mxp | Kind::Model(_), _) => return None,
    })
}

fn in_words(format: Format) -> &'static str {
    match format {
        Format::Onnx => "an ONNX model",
        Format::Safetensors => "a safetensors model",
        Format::ShardedSafetensors => "the index of a sharded safetensors model",
    }
}

/// Whether a file begins as `.mxp` files do; one that cannot be read does not.
pub(crate) fn is_mxp(path: &Path) -> bool {
    let mut head = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == MAGIC
}

/// What a file is, if it is something that is known here.
fn kind(path: &Path) -> Option<Kind> {
    let metadata = path.metadata().ok()?;
    if metadata.is_dir() {
        return Some(Kind::Folder);
    }
    if !metadata.is_file() {
        return None;
    }
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    if head.starts_with(&MAGIC) {
        return Some(Kind::Mxp);
    }
    // Before pickles: a header's length may look like the beginning of one.
    if head.get(8) == Some(&b'{') && head[4..8] == [0; 4] {
        return Some(Kind::Model(Format::Safetensors));
    }
    let is_named_so =
        || path.extension().is_some_and(|own| PYTORCH.iter().any(|known| own.eq_ignore_ascii_case(known)));
    let holds_pickle = || head.windows(8).any(|bytes| bytes == b"data.pkl");
    let is_pickle = matches!(head[..], [0x80, 2..=5, ..]);
    if is_pickle || head.starts_with(b"PK\x03\x04") && (holds_pickle() || is_named_so()) {
        return Some(Kind::PyTorch);
    }
    Model::open(path).ok().map(|model| Kind::Model(model.format()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_a_file_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let header = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
        let zip = [&b"PK\x03\x04"[..], &[0; 26], b"archive/data.pkl"].concat();
        for (name, bytes, expected) in [
            ("a.mxp", b"MXP\0".to_vec(), Some(Kind::Mxp)),
            ("a.pt", zip.clone(), Some(Kind::PyTorch)),
            ("zip", zip, Some(Kind::PyTorch)),
            ("b.bin", b"PK\x03\x04".to_vec(), Some(Kind::PyTorch)),
            ("arrays.npz", b"PK\x03\x04".to_vec(), None),
            ("c.pth", vec![0x80, 2, 0x8a, 10], Some(Kind::PyTorch)),
            // Its header is said to have 0x280 bytes.
            ("cut.safetensors", header(0x280), Some(Kind::Model(Format::Safetensors))),
            ("text", b"not a model".to_vec(), None),
            ("empty", Vec::new(), None),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("writable");
            assert_eq!(kind(&path), expected, "{name}");
        }
        assert_eq!(kind(folder.path()), Some(Kind::Folder));
        assert_eq!(kind(&folder.path().join("nowhere")), None);
    }
}
