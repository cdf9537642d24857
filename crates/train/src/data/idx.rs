//! The IDX files of MNIST and its relatives: two files of images, two of labels, plain or gzip.
//!
//! A header is four bytes of magic (two zeros, the type 8 for bytes, the number of dimensions), the dimensions as
//! big-endian 32-bit numbers, then one byte a value. Any image size and any number of classes up to 256 will do.
//!
//! A header is believed only after it fits the file: a plain file must have exactly the declared length, and a
//! compressed one must be long enough to hold it (deflate cannot expand more than 1032-fold). Memory grows with the
//! bytes that really come out, and decoding stops at the declared end, so a decompression bomb costs what its header
//! admits to and no more.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{DataSource, Dataset, MAX_BYTES, MAX_EXPANSION, MAX_SIDE, Pixels, name_of};
use crate::Error;

/// The role of each file, its stem and the number of its dimensions.
const TRAIN_IMAGES: Role = Role { what: "training images", stem: "train-images", dimensions: 3 };
const TRAIN_LABELS: Role = Role { what: "training labels", stem: "train-labels", dimensions: 1 };
const TEST_IMAGES: Role = Role { what: "test images", stem: "t10k-images", dimensions: 3 };
const TEST_LABELS: Role = Role { what: "test labels", stem: "t10k-labels", dimensions: 1 };

/// For the message about an unknown folder.
pub(super) const LOOKED_FOR: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, \
                                     t10k-labels-idx1-ubyte, each plain or .gz";

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

#[derive(Clone, Copy)]
struct Role {
    what: &'static str,
    stem: &'static str,
    dimensions: u32,
}

impl Role {
    /// The spellings under which the file is found in the wild, most usual first.
    fn names(self) -> [String; 4] {
        let Self { stem, dimensions, .. } = self;
        let (dash, dot) = (format!("{stem}-idx{dimensions}-ubyte"), format!("{stem}.idx{dimensions}-ubyte"));
        [dash.clone(), format!("{dash}.gz"), dot.clone(), format!("{dot}.gz")]
    }

    fn find(self, folder: &Path) -> Option<PathBuf> {
        self.names().map(|name| folder.join(name)).into_iter().find(|path| path.is_file())
    }

    fn require(self, folder: &Path) -> Result<PathBuf, Error> {
        self.find(folder).ok_or_else(|| Error::MissingFile {
            folder: folder.into(),
            file: format!("{} (or .gz)", self.names()[0]),
            role: self.what,
        })
    }

    /// The first four bytes of the file, read as a big-endian number.
    fn magic(self) -> u32 {
        0x0800 | self.dimensions
    }
}

/// Whether any of the four files is in the folder.
pub(super) fn is_here(folder: &Path) -> bool {
    [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].iter().any(|role| role.find(folder).is_some())
}

/// Reads the four files of a folder; `is_here` says whether to try.
pub(super) fn open(folder: &Path) -> Result<DataSource, Error> {
    let name = name_of(folder);
    // All four are found before any is read.
    let [train_images, train_labels] = [TRAIN_IMAGES.require(folder)?, TRAIN_LABELS.require(folder)?];
    let [test_images, test_labels] = [TEST_IMAGES.require(folder)?, TEST_LABELS.require(folder)?];
    let train_classes = read(&train_labels, TRAIN_LABELS)?;
    let test_classes = read(&test_labels, TEST_LABELS)?;
    let classes = train_classes.values.iter().max().map_or(0, |&label| usize::from(label) + 1);
    let train = dataset(&name, &train_images, TRAIN_IMAGES, &train_labels, &train_classes, classes)?;
    let test = dataset(&name, &test_images, TEST_IMAGES, &test_labels, &test_classes, classes)?;
    DataSource::new(train, test)
}

fn dataset(
    name: &str,
    images_path: &Path,
    role: Role,
    labels_path: &Path,
    labels: &Array,
    classes: usize,
) -> Result<Dataset, Error> {
    let images = read(images_path, role)?;
    let (image_count, label_count) = (images.dimensions[0] as usize, labels.values.len());
    if image_count != label_count {
        return Err(Error::FileCounts {
            images: images_path.into(),
            image_count,
            labels: labels_path.into(),
            label_count,
        });
    }
    let shape = vec![1, images.dimensions[1] as usize, images.dimensions[2] as usize];
    let labels = labels.values.iter().map(|&label| u32::from(label)).collect();
    Dataset::new(name, Pixels::Bytes { values: images.values, divisor: 255 }, shape, labels, classes)
}

/// The contents of one file.
struct Array {
    dimensions: Vec<u32>,
    values: Vec<u8>,
}

fn read(path: &Path, role: Role) -> Result<Array, Error> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
    let size = file.metadata().map_err(|source| Error::Read { path: path.into(), source })?.len();
    let mut file = BufReader::new(file);
    // What the file is decides, not what it is called: browsers unpack .gz files without renaming them.
    let mut start = Vec::new();
    (&mut file).take(2).read_to_end(&mut start).map_err(|source| Error::Read { path: path.into(), source })?;
    let compressed = start == GZIP_MAGIC;
    let whole = Cursor::new(start).chain(file);
    let mut reader =
        if compressed { Reader::Gzip(MultiGzDecoder::new(BufReader::new(whole))) } else { Reader::Plain(whole) };
    let header_len = 4 + 4 * u64::from(role.dimensions);
    let header = take(&mut reader, path, "header", header_len)?;
    let mut words = header.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    let magic = words.next().unwrap_or(0);
    if magic != role.magic() {
        return Err(Error::WrongMagic { path: path.into(), kind: role.what, expected: role.magic(), found: magic });
    }
    let dimensions: Vec<u32> = words.collect();
    let declared = check_dimensions(&dimensions).map_err(|problem| Error::Dimensions {
        path: path.into(),
        dimensions: dimensions.clone(),
        problem,
    })?;
    let (holds, exact) =
        if compressed { (size.saturating_mul(MAX_EXPANSION), false) } else { (size - header_len.min(size), true) };
    if declared > holds {
        return Err(Error::Truncated { path: path.into(), what: "data", expected: declared, found: holds });
    }
    let trailing = || Error::TrailingBytes { path: path.into(), expected: header_len + declared };
    if exact && declared < holds {
        return Err(trailing());
    }
    let values = take(&mut reader, path, "data", declared)?;
    // Reading on to the end also lets the decoder check the sum that closes a gzip file.
    match reader.read(&mut [0]).map_err(|source| damaged(path, source))? {
        0 => Ok(Array { dimensions, values }),
        _ => Err(trailing()),
    }
}

/// The number of values that the dimensions declare.
fn check_dimensions(dimensions: &[u32]) -> Result<u64, &'static str> {
    let (&count, sides) = dimensions.split_first().ok_or("no dimension")?;
    if count == 0 {
        return Err("a data set has at least one item");
    }
    if sides.contains(&0) {
        return Err("an image has at least one pixel");
    }
    if sides.iter().any(|&side| side > MAX_SIDE) {
        return Err("no side of an image may be above 4096 pixels");
    }
    // At most 2^32 items of 2^24 pixels: no overflow.
    let values = sides.iter().fold(u64::from(count), |product, &side| product * u64::from(side));
    if values > MAX_BYTES { Err("that is more than 4 GiB") } else { Ok(values) }
}

fn take(reader: &mut Reader, path: &Path, what: &'static str, expected: u64) -> Result<Vec<u8>, Error> {
    let mut values = Vec::new();
    let result = reader.take(expected).read_to_end(&mut values);
    let found = values.len() as u64;
    match result {
        Ok(_) if found == expected => Ok(values),
        Ok(_) => Err(Error::Truncated { path: path.into(), what, expected, found }),
        Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Error::Truncated { path: path.into(), what, expected, found })
        }
        Err(source) => Err(damaged(path, source)),
    }
}

fn damaged(path: &Path, source: io::Error) -> Error {
    Error::Compression { path: path.into(), source }
}

type Whole = Chain<Cursor<Vec<u8>>, BufReader<File>>;

enum Reader {
    Plain(Whole),
    Gzip(MultiGzDecoder<BufReader<Whole>>),
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
        }
    }
}
