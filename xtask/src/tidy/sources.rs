//! The files: each says what it is about, none is too long, none names a place on somebody's machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Finding;

/// Lines from which on a source file is two ideas.
const MAX_LINES: usize = 700;
/// What is looked through, from the repository's root.
const PLACES: [&str; 8] = [".ci", ".cargo", "benches", "crates", "docs", "xtask", "Cargo.toml", "README.md"];
/// Endings of text files.
const TEXT: [&str; 8] = ["rs", "toml", "md", "py", "sh", "yml", "yaml", "json"];
/// Top-level folders that only some machines have. Each is put between slashes before it is looked for.
const MACHINE_FOLDERS: [&str; 7] = ["home", "root", "tmp", "work", "Users", "mnt", "scratch"];

/// Every file that breaks a rule.
pub fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut files = Vec::new();
    for place in PLACES {
        collect(&root.join(place), &mut files)?;
    }
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.is_file() && !files.contains(&path) && is_text(&path) {
            files.push(path);
        }
    }
    files.sort();
    let mut findings = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let is_rust = path.extension() == Some(OsStr::new("rs"));
        findings.extend(of_file(&text, is_rust).into_iter().map(|finding| format!("{shown}{finding}")));
    }
    Ok(findings)
}

/// All text files at or below `path`, which need not exist.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if name != "target" && name != "__pycache__" {
                collect(&path, files)?;
            }
        }
    } else if path.is_file() && is_text(path) {
        files.push(path.to_owned());
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => TEXT.iter().any(|text| extension == *text),
        // Scripts such as `.ci/run`.
        None => fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"#!")),
    }
}

/// What is wrong with one file, each with `:line` in front.
fn of_file(text: &str, is_rust: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_rust {
        let first = text.lines().next().unwrap_or_default();
        if !first.starts_with("//!") || first.trim_start_matches("//!").trim().is_empty() {
            findings.push(":1: the first line does not say what the file is about (`//! ...`)".to_owned());
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            findings.push(format!(":{lines}: {lines} lines are more than {MAX_LINES}: two ideas, two files"));
        }
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(place) = machine_path(line) {
            findings.push(format!(":{}: {place} is a place on somebody's machine", number + 1));
        }
    }
    findings
}

/// The first path in `line` that begins in a folder of some machine: `/folder/`, not within a longer path.
fn machine_path(line: &str) -> Option<String> {
    MACHINE_FOLDERS.iter().find_map(|folder| {
        let path = format!("/{folder}/");
        let at = line.find(&path)?;
        let before = line[..at].chars().next_back();
        let within = before.is_some_and(|c| c.is_alphanumeric() || "._-~/*})]".contains(c));
        (!within).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_about() {
        assert_eq!(of_file("//! Numbers.\n\nfn f() {}\n", true).len(), 0);
        assert_eq!(of_file("fn f() {}\n", true).len(), 1);
        assert_eq!(of_file("//!\n", true).len(), 1);
        assert_eq!(of_file("no Rust\n", false).len(), 0);
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(of_file(&format!("//! Long.\n{}", "\n".repeat(MAX_LINES - 1)), true).len(), 0);
        assert_eq!(of_file(&format!("//! Long.\n{}", "\n".repeat(MAX_LINES)), true).len(), 1);
    }

    #[test]
    fn places_on_a_machine_are_found_and_parts_of_paths_are_not() {
        let place = format!("/{}/", "home");
        assert!(machine_path(&format!("see {place}me/notes")).is_some());
        assert!(machine_path(&format!("see docs{place}page")).is_none());
        assert!(machine_path("https://example.org/a/b").is_none());
    }

    #[test]
    fn findings_name_file_and_line() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("crates/a/src");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("lib.rs"), format!("//! A.\n// /{}/x\n", "tmp")).expect("a file");
        let findings = check(root.path()).expect("readable");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("crates/a/src/lib.rs:2:"), "{findings:?}");
    }
}
