//! A table of numbers with a column of labels.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};

use super::classes::{MOST_CLASSES, Names, whole};
use super::{DataSource, Dataset, Pixels, name_of, test_part};
use crate::Error;

/// Reads a file whose column of labels is called `label`.
pub(super) fn open(path: &Path, label: &str, max_bytes: u64) -> Result<DataSource, Error> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
    let header = reader.headers().map_err(|error| refused(path, error))?.clone();
    let label = label_column(path, &header, label)?;
    let (mut values, mut names, mut places, mut firsts) = (Vec::new(), Names::default(), Vec::new(), Vec::new());
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| refused(path, error))? {
        for (column, cell) in record.iter().enumerate() {
            let refuse = |problem| {
                let (column, value) = (header[column].to_owned(), cell.to_owned());
                let line = line(path, record.position());
                Err(Error::Cell { path: path.into(), line, column, value, problem })
            };
            if column != label {
                match number(cell) {
                    Ok(value) => values.push(value),
                    Err(problem) => return refuse(problem),
                }
                continue;
            }
            if cell.is_empty() {
                return refuse("is no label");
            }
            let Some(place) = names.place(cell) else {
                return Err(Error::TooManyClasses { path: path.into(), limit: MOST_CLASSES });
            };
            places.push(place);
            if firsts.len() < names.all().len() {
                firsts.push(record.position().cloned());
            }
        }
        if values.len() as u64 > max_bytes / size_of::<f32>() as u64 {
            return Err(Error::TooLarge { path: path.into(), limit: max_bytes });
        }
    }
    if places.is_empty() {
        return Err(Error::Empty { name: path.display().to_string() });
    }
    if let Some(place) = measurement(&names) {
        let line = line(path, firsts[place].as_ref());
        let (column, value) = (header[label].to_owned(), names.all()[place].clone());
        let problem = "is no class: labels that are numbers have to be whole, and below 2^53";
        return Err(Error::Cell { path: path.into(), line, column, value, problem });
    }
    let (classes, count) = names.numbered();
    let labels = places.into_iter().map(|place| classes[place as usize]).collect();
    let all = Dataset::new(name_of(path), Pixels::Floats(values), vec![header.len() - 1], labels, count)?;
    test_part::split_off(&all, path)
}

/// Which column has the labels.
fn label_column(path: &Path, header: &StringRecord, label: &str) -> Result<usize, Error> {
    let column = || label.to_owned();
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == label).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(_), None) if header.len() == 1 => Err(Error::NoFeatures { path: path.into(), column: column() }),
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(Error::DuplicateColumn { path: path.into(), column: column() }),
        (None, _) if header.is_empty() => Err(Error::Empty { name: path.display().to_string() }),
        (None, _) => {
            let found = header.iter().map(str::to_owned).collect();
            Err(Error::MissingColumn { path: path.into(), column: column(), found })
        }
    }
}

/// The place of the first label that is not whole, where all are numbers: such a column is a measurement, or lacks numbers.
fn measurement(names: &Names) -> Option<usize> {
    let mut all = names.all().iter();
    if all.clone().all(|name| name.parse::<f64>().is_ok()) { all.position(|name| whole(name).is_none()) } else { None }
}

/// The number in a cell, or what is wrong with it.
fn number(cell: &str) -> Result<f32, &'static str> {
    match cell.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err("is not finite in single precision"),
        Err(_) if cell.is_empty() => Err("is no number: the cell is empty"),
        Err(_) => Err("is no number"),
    }
}

/// The line on which a record begins. The reader takes empty lines, and what is left of a line's end, for a part of the
/// record after them.
fn line(path: &Path, position: Option<&Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let ends = || {
        let mut file = File::open(path).ok()?;
        file.seek(SeekFrom::Start(position.byte())).ok()?;
        let ends = BufReader::new(file).bytes().map_while(Result::ok).take_while(|byte| b"\r\n".contains(byte));
        Some(ends.filter(|&byte| byte == b'\n').count() as u64)
    };
    position.line() + ends().unwrap_or(0)
}

fn refused(path: &Path, error: csv::Error) -> Error {
    let line = line(path, error.position());
    match error.into_kind() {
        ErrorKind::Io(source) => Error::Read { path: path.into(), source },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::Ragged { path: path.into(), line, found: len, expected: expected_len }
        }
        // Of what the library can say of a table that is only read, this is left.
        _ => Error::NotText { path: path.into(), line },
    }
}
