//! Names of files within a model: which ones may be followed.
//!
//! A model that names `../../etc/passwd` as the place of its weights must not have it read, and one that names it as a
//! place to write to must not have it written. The rules are those of onnx's own checker. Links below the model's folder
//! are followed neither way: [`resolve`] is for reading, [`refuse_links`] for writing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// The parts of a relative path that stays within its folder, or the rule that it breaks. Both slashes separate
/// folders, as one of them does on every system. A name that means something else on Windows is refused everywhere: a
/// file that is made here may be restored there.
pub(crate) fn parts(location: &str) -> Result<Vec<&str>, &'static str> {
    let parts = parts_within(location)?;
    if parts.iter().any(|part| part.ends_with(['.', ' '])) {
        return Err("no name in it may end with a dot or a space, which Windows drops");
    }
    if parts.iter().any(|part| is_device(part)) {
        return Err("no name in it may be that of a device of Windows, as `NUL` or `aux.bin`");
    }
    Ok(parts)
}

/// [`parts`], whatever Windows makes of their names.
fn parts_within(location: &str) -> Result<Vec<&str>, &'static str> {
    if location.is_empty() {
        return Err("a name must not be empty");
    }
    if location.starts_with(['/', '\\']) {
        return Err("it must be relative to the model's folder");
    }
    if location.contains([':', '\0']) {
        return Err("it must not contain a colon or a zero byte");
    }
    let parts: Vec<&str> = location.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("it must not contain `..`");
    }
    if parts.is_empty() {
        return Err("it must name a file");
    }
    Ok(parts)
}

/// Whether Windows takes a name for a device's, in whatever folder and with whatever extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_uppercase();
    if matches!(&stem[..], "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let mut number = number.unwrap_or_default().chars();
    // The superscripts count as digits there.
    matches!((number.next(), number.next()), (Some('1'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None))
}

/// Whether a name stays within its folder, and is written in the one way that [`resolve`] writes it.
pub(crate) fn is_plain(name: &str) -> bool {
    parts(name).is_ok_and(|parts| parts.join("/") == name)
}

/// The name of a model's own file as it is passed on: one that is none on every system is not, for the file is written
/// where its writer says.
pub(crate) fn own_name(name: &str) -> &str {
    if is_plain(name) { name } else { "model" }
}

/// [`is_plain`] for a model's own file in a stored skeleton, which may be older than the rules about Windows.
pub(crate) fn is_own_name(name: &str) -> bool {
    parts_within(name).is_ok_and(|parts| parts.join("/") == name)
}

/// The file that `tensor` is said to lie in: below `folder`, reached without links, and a regular file. Returns it with
/// its name relative to the folder.
pub(crate) fn resolve(folder: &Path, location: &str, tensor: &str) -> Result<(PathBuf, String), Error> {
    let refused = |rule| Error::Location { tensor: tensor.into(), location: location.into(), rule };
    let parts = parts(location).map_err(refused)?;
    let mut path = folder.to_path_buf();
    let last = parts.len() - 1;
    for (place, part) in parts.iter().enumerate() {
        path.push(part);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::MissingFile { tensor: tensor.into(), path });
            }
            Err(source) => return Err(Error::Read { path, source }),
        };
        if metadata.is_symlink() {
            return Err(refused("a link leads there; put the file itself into the model's folder"));
        }
        if place == last && !metadata.is_file() {
            return Err(refused("it is not a regular file"));
        }
    }
    let inside = |path: &Path| path.canonicalize().map_err(|source| Error::Read { path: path.into(), source });
    if !inside(&path)?.starts_with(inside(folder)?) {
        return Err(refused("it is outside of the model's folder"));
    }
    Ok((path, parts.join("/")))
}

/// Refuses a place below `folder` that a link leads to, the place itself included. What is not there yet is no link.
pub(crate) fn refuse_links(folder: &Path, name: &str) -> Result<(), Error> {
    let mut path = folder.to_path_buf();
    for part in name.split('/') {
        path.push(part);
        if path.is_symlink() {
            return Err(Error::LinkInTheWay { name: name.into(), link: path });
        }
    }
    Ok(())
}

/// Whether a file has another name somewhere (a hard link), as far as the system says.
#[cfg(unix)]
pub(crate) fn has_other_names(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) > 1)
}

#[cfg(not(unix))]
pub(crate) fn has_other_names(_: &Path) -> bool {
    false
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_the_folder_pass() {
        assert_eq!(parts("weights.bin"), Ok(vec!["weights.bin"]));
        assert_eq!(parts("./a//b\\c"), Ok(vec!["a", "b", "c"]));
        for location in ["", ".", "/etc/passwd", "\\share", "..", "a/../b", "a\\..\\b", "C:x", "a\0b"] {
            assert!(parts(location).is_err(), "{location:?}");
        }
        assert!(parts("..a/b..c").is_ok());
    }

    #[test]
    fn names_that_windows_takes_for_others_do_not_pass() {
        for name in ["NUL", "aux.bin", "com1", "LPT9.tar.gz", "Con .x", "COM\u{b2}", "prn", "weights.", "w ", "x.../y"]
        {
            for location in [name.to_owned(), format!("sub/{name}"), format!("{name}/data")] {
                assert!(parts(&location).is_err(), "{location:?}");
                assert!(!is_plain(&location), "{location:?}");
            }
        }
        for name in ["null", "aux_bin", "COM0", "com10", "com12", "LPT", "console", ".nul", "a.con", " w", "..."] {
            assert_eq!(parts(name).is_ok(), name != "...", "{name:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let within = |name: &str| folder.path().join(name);
        fs::write(outside.path().join("secret"), "s").unwrap();
        fs::write(within("real"), "r").unwrap();
        fs::create_dir(within("sub")).unwrap();
        fs::write(within("sub/real"), "r").unwrap();
        std::os::unix::fs::symlink(within("real"), within("soft")).unwrap();
        std::os::unix::fs::symlink(outside.path(), within("door")).unwrap();
        fs::hard_link(outside.path().join("secret"), within("hard")).unwrap();

        let resolved = |location| resolve(folder.path(), location, "w");
        assert_eq!(resolved("./sub/real").unwrap(), (within("sub/real"), "sub/real".to_owned()));
        assert!(has_other_names(&resolved("hard").unwrap().0) && !has_other_names(&within("real")));
        for (location, word) in [("soft", "a link"), ("door/secret", "a link"), ("sub", "regular"), ("../x", "..")] {
            let error = resolved(location).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("\"w\""), "{location}: {error}");
        }
        let missing = resolved("sub/absent").unwrap_err();
        assert!(matches!(&missing, Error::MissingFile { path, .. } if path.ends_with("sub/absent")), "{missing}");
    }
}
