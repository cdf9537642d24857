//! Outputs: where they go, whether they may, and writing them whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mixpress::train::folder_of;

use crate::failure::Failure;

/// Folders in which the system keeps what only looks like files.
const DEVICES: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Refuses an output that is the input: not even `--force` means that.
pub(crate) fn refuse_input(out: &Path, input: &Path) -> Result<(), Failure> {
    // One that is not there yet, but will be by then, has no canonical path.
    let place = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    if place(out).is_some() && place(out) == place(input) {
        return Err(Failure::usage(format!("{} is the file that is read; name another with -o", out.display())));
    }
    Ok(())
}

/// Endings that say what a file is.
const ENDINGS: [&str; 7] = [".safetensors", ".index.json", ".onnx", ".mxp", ".pt", ".pth", ".html"];

/// Refuses an output that somebody named where no file can be, or whose ending promises another kind of file than
/// `what`, which has `ending`. An ending that is not known promises nothing.
pub(crate) fn refuse_name(out: &Path, what: &str, ending: &str) -> Result<(), Failure> {
    refuse_name_for("-o", out, what, ending)
}

/// As [`refuse_name`], for an output that is named with another option.
pub(crate) fn refuse_name_for(option: &str, out: &Path, what: &str, ending: &str) -> Result<(), Failure> {
    let shown = out.display();
    if out.as_os_str() == "-" {
        let only = format!("nothing is written to standard output, only to files; name one with {option}");
        return Err(Failure::usage(only));
    }
    let text = out.to_string_lossy();
    if out.file_name().is_none() || text.ends_with(std::path::is_separator) {
        return Err(Failure::failed(format!("{shown} names a folder; name a file with {option}")));
    }
    let name = text.to_lowercase();
    let promised = ENDINGS.into_iter().find(|known| name.ends_with(known));
    if promised.is_some_and(|promised| !ending.ends_with(promised)) {
        return Err(Failure::usage(format!("{shown} would hold {what}; give it a name that ends with {ending}")));
    }
    let folder = folder_of(out);
    if !folder.is_dir() {
        let is = if folder.exists() { "is no folder" } else { "is not there; make that folder first" };
        return Err(Failure::failed(format!(
            "cannot write {shown}: {} {is}, or name another with {option}",
            folder.display()
        )));
    }
    Ok(())
}

/// A file name made of a network's name: what a path could take for more than a name becomes a hyphen.
pub(crate) fn file_stem(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let stem: String = name.trim_start_matches('.').chars().map(safe).collect();
    if stem.is_empty() { "network".to_owned() } else { stem }
}

/// Creates the folder of an output where it is absent; an empty path is the folder that the program stands in.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    if !folder.as_os_str().is_empty() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
    }
    Ok(())
}

/// The folder beside an output that an interrupted run is saved in.
pub(crate) fn state_folder(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoint");
    out.with_file_name(name)
}

/// Refuses an output that is there already, unless it may be replaced.
pub(crate) fn refuse_taken(out: &Path, replace: bool) -> Result<(), Failure> {
    refuse_taken_for("-o", out, replace)
}

/// As [`refuse_taken`], for an output that is named with another option.
pub(crate) fn refuse_taken_for(option: &str, out: &Path, replace: bool) -> Result<(), Failure> {
    let absolute = std::path::absolute(out).unwrap_or_else(|_| out.into());
    if DEVICES.iter().any(|folder| absolute.starts_with(folder)) {
        return Err(Failure::failed(format!("{} is no place for a file; name another with {option}", out.display())));
    }
    if out.is_dir() {
        return Err(Failure::failed(format!("{} is a folder; name a file with {option}", out.display())));
    }
    if out.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Failure::failed(format!("{} is a device or a pipe; name a file with {option}", out.display())));
    }
    if !replace && out.symlink_metadata().is_ok() {
        let out = out.display();
        return Err(Failure::failed(format!("{out} exists; --force replaces it, {option} FILE writes elsewhere")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mixpress::train::write_whole;

    use super::*;

    #[test]
    fn names_cannot_leave_their_folder() {
        assert_eq!(file_stem("lenet-5"), "lenet-5");
        assert_eq!(file_stem("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(file_stem("mein netz"), "mein-netz");
        assert_eq!(file_stem(".."), "network");
    }

    #[test]
    fn a_name_promises_what_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let refused = |name: &str, ending: &str| refuse_name(&folder.path().join(name), "a model", ending).is_err();
        for (name, ending) in [
            ("a.onnx", ".safetensors"),
            ("a.ONNX", ".safetensors"),
            ("a.mxp", ".onnx"),
            ("a.safetensors.index.json", ".safetensors"),
            ("a.safetensors", ".safetensors.index.json"),
            ("a.pth", ".safetensors"),
            ("sub/a.onnx", ".onnx"),
            ("sub/", ".onnx"),
        ] {
            assert!(refused(name, ending), "{name}");
        }
        for (name, ending) in [
            ("a.onnx", ".onnx"),
            ("a.bin", ".safetensors"),
            ("a", ".onnx"),
            ("a.index.json", ".safetensors.index.json"),
            ("a.safetensors.index.json", ".safetensors.index.json"),
            ("onnx", ".safetensors"),
        ] {
            assert!(!refused(name, ending), "{name}");
        }
        for name in ["-", "", ".."] {
            assert!(refuse_name(Path::new(name), "a model", ".onnx").is_err(), "{name}");
        }
        assert!(refuse_name(Path::new("a.onnx"), "a model", ".onnx").is_ok(), "the folder that the program stands in");
    }

    #[test]
    fn the_state_lies_beside_the_output() {
        assert_eq!(state_folder(Path::new("a/b.mxp")), Path::new("a/b.mxp.checkpoint"));
    }

    #[test]
    fn a_write_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // A folder stands where the file should go, so that the rename fails after the bytes were written.
        let out = folder.path().join("taken");
        fs::create_dir_all(out.join("inner")).expect("a folder");
        assert!(write_whole(&out, b"bytes").is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn devices_and_the_input_are_refused_and_links_lead_to_their_files() {
        assert!(refuse_taken(Path::new("/dev/stdout"), true).is_err());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"first").expect("writable");
        assert!(refuse_input(&file, &folder.path().join(".").join("file")).is_err());
        assert!(refuse_input(&link, &file).is_ok());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&file, &link).expect("a link");
            assert!(refuse_input(&link, &file).is_err());
            assert!(refuse_taken(&link, false).is_err());
            write_whole(&link, b"second").expect("writable");
            assert_eq!(fs::read(&file).expect("readable"), b"second");
            assert!(link.is_symlink());
        }
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("file");
        write_whole(&out, b"a longer first version").expect("writable");
        assert!(refuse_taken(&out, false).is_err());
        refuse_taken(&out, true).expect("may be replaced");
        write_whole(&out, b"second").expect("writable");
        assert_eq!(fs::read(&out).expect("readable"), b"second");
    }
}
