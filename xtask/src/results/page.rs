//! The page of results: a table in Markdown, a row for each run, commit and processor.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use mixpress_cli::mixpress::report::{duration, grouped};

use super::Figures;
use super::jobs::Run;
use super::place::Place;

/// What stands above the table on a new page.
const ABOVE: &str = "\
# Results, run by run

Each row is a run of the program in release mode, put here by `cargo xtask results` when it was done. The jobs are those of
[`recipes/jobs.toml`](recipes/jobs.toml), with the recipes beside it; `cargo xtask results --list` prints their commands. *float* and
*file* are test errors of the uncompressed network and of the file, *ratio* counts all bytes of the file, as in the
[README](../README.md#results). *commit* is the last that changed what the figures depend on; where the time is no matter, rows of
one commit differ between kinds of processors only ([what is promised](architecture.md#determinism-what-is-promised)).
";

const COLUMNS: [&str; 11] =
    ["job", "seed", "float", "file", "bytes", "ratio", "zeros", "time", "commit", "processor", "threads"];

/// Columns by which a row is known: job, seed, commit, processor.
const KEY: [usize; 4] = [0, 1, 8, 9];

/// What one run came to, column by column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row([String; COLUMNS.len()]);

impl Row {
    pub(super) fn new(run: &Run<'_>, place: &Place, figures: &Figures) -> Self {
        let percent = |percent: f64| format!("{percent:.2} %");
        Self([
            run.job.name.clone(),
            run.seed.to_string(),
            percent(figures.float_error),
            percent(figures.compressed_error),
            grouped(figures.file_bytes),
            format!("{:.1}x", figures.ratio),
            format!("{:.1} %", 100.0 * figures.sparsity),
            duration(figures.seconds),
            place.commit.clone(),
            place.processor.clone(),
            place.threads.to_string(),
        ])
    }

    /// What tells a run's row from others.
    pub(super) fn key(run: &Run<'_>, place: &Place) -> [String; KEY.len()] {
        [run.job.name.clone(), run.seed.to_string(), place.commit.clone(), place.processor.clone()]
    }

    fn own_key(&self) -> [String; KEY.len()] {
        KEY.map(|column| self.0[column].clone())
    }

    /// The row as a line of Markdown.
    pub(super) fn line(&self) -> String {
        line(&self.0)
    }
}

fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | "))
}

/// A page in memory.
#[derive(Debug)]
pub(super) struct Page {
    above: String,
    rows: Vec<Row>,
    below: String,
}

impl Page {
    /// The page of a file, or an empty one where there is none.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).with_context(|| format!("cannot add to {}", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Self { above: format!("{ABOVE}\n"), rows: Vec::new(), below: String::new() })
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let header = line(&COLUMNS);
        let Some((above, table)) = text.split_once(&format!("{header}\n")) else {
            bail!("it has no table that begins with {header}");
        };
        let mut rows = Vec::new();
        let mut lines = table.split_inclusive('\n').skip(1).peekable();
        while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
            let cells = line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            let cells: Vec<String> = cells.collect();
            let count = cells.len();
            let Ok(row) = cells.try_into() else {
                bail!("{} has {count} columns, not {}", line.trim(), COLUMNS.len());
            };
            rows.push(Row(row));
        }
        Ok(Self { above: above.to_owned(), rows, below: lines.collect() })
    }

    /// Whether there is a row of this key.
    pub(super) fn has(&self, key: &[String; KEY.len()]) -> bool {
        self.rows.iter().any(|row| row.own_key() == *key)
    }

    /// Adds a row, in the place of one with its key.
    pub(super) fn put(&mut self, row: Row) {
        match self.rows.iter_mut().find(|own| own.own_key() == row.own_key()) {
            Some(own) => *own = row,
            None => self.rows.push(row),
        }
    }

    /// Brings rows into the order of the jobs, then of the seeds, then in which they came; those of no job stand last.
    pub(super) fn sort(&mut self, jobs: &[&str]) {
        let place = |row: &Row| jobs.iter().position(|job| *job == row.0[0]).unwrap_or(jobs.len());
        self.rows.sort_by_key(|row| (place(row), row.0[1].parse::<u64>().unwrap_or(u64::MAX)));
    }

    /// The page's text.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}{}\n{}\n", self.above, line(&COLUMNS), line(&["---"; COLUMNS.len()]));
        for row in &self.rows {
            text.push_str(&row.line());
            text.push('\n');
        }
        text + &self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(job: &str, seed: &str, bytes: &str, commit: &str) -> Row {
        let cells = [job, seed, "1.46 %", "1.59 %", bytes, "461.3x", "99.0 %", "44 s", commit, "Example 3000", "2"];
        Row(cells.map(str::to_owned))
    }

    fn page() -> Page {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Page::read(&folder.path().join("results.md")).expect("a new page")
    }

    #[test]
    fn rows_add_up_in_the_order_of_jobs_and_seeds() {
        let mut page = page();
        for (job, seed, commit) in
            [("b", "10", "1"), ("gone", "0", "1"), ("b", "9", "1"), ("a", "3", "2"), ("a", "3", "1")]
        {
            page.put(row(job, seed, "2,312", commit));
            page.sort(&["a", "b"]);
        }
        let text = page.text();
        let again = Page::parse(&text).expect("our own page");
        let keys: Vec<String> = again.rows.iter().map(|row| row.own_key()[..3].join(" ")).collect();
        assert_eq!(keys, ["a 3 2", "a 3 1", "b 9 1", "b 10 1", "gone 0 1"]);
        assert_eq!(again.text(), text);
    }

    #[test]
    fn a_run_s_row_is_replaced_and_what_people_wrote_stays() {
        let mut page = page();
        page.put(row("a", "0", "2,312", "1"));
        let mut page = Page::parse(&format!("Ours.\n\n{}\nBelow.\n", page.text())).expect("a page");
        page.put(row("a", "0", "2,222", "1"));
        assert_eq!(page.rows.len(), 1);
        assert!(page.has(&row("a", "0", "", "1").own_key()));
        assert!(!page.has(&row("a", "0", "", "2").own_key()));
        let text = page.text();
        assert!(text.starts_with("Ours.\n") && text.ends_with("\nBelow.\n") && text.contains("2,222"), "{text}");
        assert!(!text.contains("2,312"));
    }

    #[test]
    fn another_page_is_left_alone() {
        assert!(Page::parse("# Something else\n").is_err());
        let broken = page().text() + "| a | b |\n";
        assert!(Page::parse(&broken).unwrap_err().to_string().contains("2 columns"));
    }
}
