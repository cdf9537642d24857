//! PNG images in a folder for each class.
//!
//! The first image decides on size, channels and depth, and all others have to be like it. A header is believed only after
//! it fits the length of its file, as that of IDX files is.

use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::mem;
use std::path::{Path, PathBuf};

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::classes::{MOST_CLASSES, Names};
use super::{DataSource, Dataset, MAX_EXPANSION, MAX_SIDE, Pixels, name_of, test_part};
use crate::Error;

/// For the message about an unknown folder.
pub(super) const LOOKED_FOR: &str = "CLASS/*.png, or train/CLASS/*.png and test/CLASS/*.png";

/// The most that the decoder holds besides the pixels; a row of 4096 pixels takes 32 KiB.
const DECODER_LIMIT: usize = 16 << 20;

/// Whether there are images at any place where they are looked for.
pub(super) fn is_here(folder: &Path) -> Result<bool, Error> {
    for parent in [folder.to_owned(), folder.join("train"), folder.join("test")] {
        for class in folders(&parent)? {
            if !images(&class)?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Reads the images of a folder; `is_here` says whether to try.
pub(super) fn open(folder: &Path, max_bytes: u64) -> Result<DataSource, Error> {
    let (train, test) = (folder.join("train"), folder.join("test"));
    let mut images = Images { folder, first: None, narrow: Vec::new(), wide: Vec::new(), left: max_bytes, max_bytes };
    match (folders(&train)?.is_empty(), folders(&test)?.is_empty()) {
        (true, true) => {
            let classes = Classes::of(folder)?;
            test_part::split_off(&images.dataset(&classes.labelled(folder)?, classes.count)?, folder)
        }
        (false, false) => {
            let classes = Classes::of(&train)?;
            let (of_train, of_test) = (classes.labelled(&train)?, classes.labelled(&test)?);
            DataSource::new(images.dataset(&of_train, classes.count)?, images.dataset(&of_test, classes.count)?)
        }
        (is_missing, _) => {
            let (part, role) = if is_missing { ("train", "training images") } else { ("test", "test images") };
            Err(Error::MissingFile { folder: folder.into(), file: format!("{part}/CLASS/*.png"), role })
        }
    }
}

/// What is in a folder, sorted by name; nothing, if it is none. Names that begin with a point are the system's own.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| Error::Read { path: folder.into(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push(entry.path());
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut entries = entries(folder)?;
    entries.retain(|path| path.is_dir());
    Ok(entries)
}

fn images(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_image = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    let mut entries = entries(folder)?;
    entries.retain(|path| is_image(path) && path.is_file());
    Ok(entries)
}

fn class_name(folder: &Path) -> String {
    folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The classes that there are folders of.
struct Classes {
    parent: PathBuf,
    names: Names,
    numbers: Vec<u32>,
    count: usize,
}

impl Classes {
    fn of(parent: &Path) -> Result<Self, Error> {
        let mut names = Names::default();
        for folder in folders(parent)? {
            if names.place(&class_name(&folder)).is_none() {
                return Err(Error::TooManyClasses { path: parent.into(), limit: MOST_CLASSES });
            }
        }
        let (numbers, count) = names.numbered();
        Ok(Self { parent: parent.into(), names, numbers, count })
    }

    /// The images of all classes below a folder, each with its class.
    fn labelled(&self, parent: &Path) -> Result<Vec<(PathBuf, u32)>, Error> {
        let mut labelled = Vec::new();
        for folder in folders(parent)? {
            let name = class_name(&folder);
            let Some(place) = self.names.find(&name) else {
                return Err(Error::UnknownClass { folder, train: self.parent.clone() });
            };
            let images = images(&folder)?;
            if images.is_empty() {
                return Err(Error::NoImages { folder });
            }
            labelled.extend(images.into_iter().map(|image| (image, self.numbers[place as usize])));
        }
        Ok(labelled)
    }
}

/// What all images of a data set have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Form {
    width: u32,
    height: u32,
    color: ColorType,
    depth: BitDepth,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let color = match self.color {
            ColorType::Grayscale => "grey",
            ColorType::GrayscaleAlpha => "grey with alpha",
            ColorType::Rgb | ColorType::Indexed => "RGB",
            ColorType::Rgba => "RGB with alpha",
        };
        write!(f, "{} x {} pixels, {color}, {} bits", self.width, self.height, self.depth as u8)
    }
}

/// Images as they are read, one after the other.
struct Images<'a> {
    folder: &'a Path,
    first: Option<(PathBuf, Form)>,
    /// Values of 8 bits, or of 16.
    narrow: Vec<u8>,
    wide: Vec<f32>,
    /// Bytes that may still be added.
    left: u64,
    max_bytes: u64,
}

impl Images<'_> {
    fn dataset(&mut self, images: &[(PathBuf, u32)], classes: usize) -> Result<Dataset, Error> {
        let mut buffer = Vec::new();
        for (image, _) in images {
            self.add(image, &mut buffer)?;
        }
        let labels = images.iter().map(|&(_, class)| class).collect();
        let Some((_, form)) = &self.first else { return Err(Error::Empty { name: name_of(self.folder) }) };
        let shape = vec![form.color.samples(), form.height as usize, form.width as usize];
        let pixels = match form.depth {
            BitDepth::Sixteen => Pixels::Floats(mem::take(&mut self.wide)),
            _ => Pixels::Bytes { values: mem::take(&mut self.narrow), divisor: 255 },
        };
        Dataset::new(name_of(self.folder), pixels, shape, labels, classes)
    }

    /// Appends an image, plane by plane.
    fn add(&mut self, path: &Path, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let failed = |source| Error::Read { path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let broken = |error: DecodingError| Error::Image { path: path.into(), problem: error.to_string() };
        let mut decoder = Decoder::new_with_limits(BufReader::new(file), Limits { bytes: DECODER_LIMIT });
        decoder.set_transformations(Transformations::EXPAND);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let mut reader = decoder.read_info().map_err(broken)?;
        let (color, depth) = reader.output_color_type();
        let (width, height) = reader.info().size();
        let form = Form { width, height, color, depth };
        if width.max(height) > MAX_SIDE {
            let problem = "no side of an image may be above 4096 pixels";
            return Err(Error::Dimensions { path: path.into(), dimensions: vec![width, height], problem });
        }
        let (first, expected) = self.first.get_or_insert_with(|| (path.into(), form));
        if form != *expected {
            let (found, expected) = (form.to_string(), expected.to_string());
            return Err(Error::ImageForm { path: path.into(), found, first: first.clone(), expected });
        }
        // At most 2^24 pixels of 8 bytes: no overflow.
        let values = u64::from(width) * u64::from(height) * color.samples() as u64;
        let (bytes, is_wide) = if depth == BitDepth::Sixteen { (2 * values, true) } else { (values, false) };
        let (needed, holds) = (reader.info().raw_bytes() as u64, size.saturating_mul(MAX_EXPANSION));
        if needed > holds {
            return Err(Error::Truncated { path: path.into(), what: "pixels", expected: needed, found: holds });
        }
        // Wide values are kept as floats, of twice their length.
        let kept = if is_wide { 2 * bytes } else { bytes };
        self.left =
            self.left.checked_sub(kept).ok_or(Error::TooLarge { path: self.folder.into(), limit: self.max_bytes })?;
        buffer.clear();
        buffer.resize(bytes as usize, 0);
        let frame = reader.next_frame(buffer).map_err(broken)?;
        if (frame.width, frame.height) != (width, height) {
            return Err(Error::Image { path: path.into(), problem: "its first frame is only a part of it".into() });
        }
        reader.finish().map_err(broken)?;
        self.append(buffer, color.samples(), is_wide);
        Ok(())
    }

    /// Appends pixels whose channels lie side by side.
    fn append(&mut self, pixels: &[u8], channels: usize, is_wide: bool) {
        let (wide, _) = pixels.as_chunks::<2>();
        for channel in 0..channels {
            if is_wide {
                let plane = wide.iter().skip(channel).step_by(channels);
                self.wide.extend(plane.map(|&bytes| f32::from(u16::from_be_bytes(bytes)) / 65535.0));
            } else {
                self.narrow.extend(pixels.iter().skip(channel).step_by(channels));
            }
        }
    }
}
