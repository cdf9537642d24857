//! Checkpoints: named arrays and texts in one safetensors file, written whole or not at all.
//!
//! The file is an ordinary safetensors file, so any tool can look into it. Its metadata has one key, `mixpress`, whose
//! JSON value holds the version, the texts, and a checksum over all names, shapes, values and texts: the format itself
//! would not notice a flipped bit. Entries are sorted, so the same snapshot is the same bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::files::write_whole;

/// The version of the layout of texts and checksum.
const VERSION: u32 = 1;
/// The key of the metadata under which [`Metadata`] stands.
const KEY: &str = "mixpress";
/// A name that safetensors keeps for itself.
const RESERVED: &str = "__metadata__";

#[derive(Serialize, Deserialize)]
struct Metadata {
    version: u32,
    crc32: u32,
    text: BTreeMap<String, String>,
}

/// Named arrays and texts: the state of a run at one moment.
///
/// ```
/// use mixpress_train::Snapshot;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("run.safetensors");
/// let mut snapshot = Snapshot::new();
/// snapshot.put_f32("fc1.weight", &[2, 2], &[1.0, 0.5, -0.25, 0.0]);
/// snapshot.put_text("phase", "joint");
/// snapshot.save(&path)?;
///
/// let again = Snapshot::load(&path)?;
/// assert_eq!(again.get_f32("fc1.weight")?, [1.0, 0.5, -0.25, 0.0]);
/// assert_eq!(again.get_text("phase")?, "joint");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    arrays: BTreeMap<String, Array>,
    text: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Array {
    shape: Vec<usize>,
    values: Values,
}

/// Defines the kinds of values that a snapshot holds, with a `put` and a `get` for each.
macro_rules! kinds {
    ($($kind:ident $type:ident $put:ident $get:ident;)*) => {
        #[derive(Clone, Debug, PartialEq)]
        enum Values {
            $($kind(Vec<$type>),)*
        }

        impl Values {
            fn dtype(&self) -> Dtype {
                match self {
                    $(Self::$kind(_) => Dtype::$kind,)*
                }
            }

            fn len(&self) -> usize {
                match self {
                    $(Self::$kind(values) => values.len(),)*
                }
            }

            fn to_bytes(&self) -> Vec<u8> {
                match self {
                    $(Self::$kind(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),)*
                }
            }

            /// `None` for a kind that snapshots do not have.
            fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
                match dtype {
                    $(Dtype::$kind => {
                        // The reader has checked that the length is a multiple of the size of a value.
                        let (values, _) = bytes.as_chunks();
                        Some(Self::$kind(values.iter().map(|&bytes| $type::from_le_bytes(bytes)).collect()))
                    })*
                    _ => None,
                }
            }
        }

        impl Snapshot {
            $(
                #[doc = concat!("Stores an array of `", stringify!($type), "`, in place of any other of that name.")]
                ///
                /// # Panics
                /// When `values` has not as many elements as `shape` says, or the name is `__metadata__`.
                #[track_caller]
                pub fn $put(&mut self, name: impl Into<String>, shape: &[usize], values: &[$type]) {
                    self.put(name.into(), shape, Values::$kind(values.to_vec()));
                }

                #[doc = concat!("The array of `", stringify!($type), "` of that name.")]
                ///
                /// # Errors
                /// [`Error::CheckpointEntry`] when there is none, or it is of another type.
                pub fn $get(&self, name: &str) -> Result<&[$type], Error> {
                    match &self.array(name)?.values {
                        Values::$kind(values) => Ok(values),
                        other => Err(entry(name, format!("holds {}, not {}", other.dtype(), stringify!($type)))),
                    }
                }
            )*
        }
    };
}

kinds! {
    F32 f32 put_f32 get_f32;
    F64 f64 put_f64 get_f64;
    U8 u8 put_u8 get_u8;
    U16 u16 put_u16 get_u16;
    U32 u32 put_u32 get_u32;
    U64 u64 put_u64 get_u64;
}

fn entry(name: &str, problem: impl Into<String>) -> Error {
    Error::CheckpointEntry { name: name.into(), problem: problem.into() }
}

impl Snapshot {
    /// A snapshot of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[track_caller]
    fn put(&mut self, name: String, shape: &[usize], values: Values) {
        assert!(name != RESERVED, "the name {RESERVED} belongs to the file format");
        let elements: usize = shape.iter().product();
        assert_eq!(elements, values.len(), "{name} of shape {shape:?} was given {} values", values.len());
        self.arrays.insert(name, Array { shape: shape.to_vec(), values });
    }

    fn array(&self, name: &str) -> Result<&Array, Error> {
        self.arrays.get(name).ok_or_else(|| entry(name, "is missing"))
    }

    /// The shape of the array of that name.
    ///
    /// # Errors
    /// [`Error::CheckpointEntry`] when there is none.
    pub fn shape(&self, name: &str) -> Result<&[usize], Error> {
        self.array(name).map(|array| array.shape.as_slice())
    }

    /// The names of all arrays, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// Stores a text, in place of any other of that name.
    pub fn put_text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.text.insert(name.into(), text.into());
    }

    /// The text of that name.
    ///
    /// # Errors
    /// [`Error::CheckpointEntry`] when there is none.
    pub fn get_text(&self, name: &str) -> Result<&str, Error> {
        self.text.get(name).map(String::as_str).ok_or_else(|| entry(name, "is missing"))
    }

    /// Stores a value as JSON text.
    ///
    /// # Panics
    /// When the value cannot be written as JSON, such as a map whose keys are not texts.
    #[track_caller]
    pub fn put_json(&mut self, name: impl Into<String>, value: &impl Serialize) {
        self.put_text(name, serde_json::to_string(value).expect("states are plain structures"));
    }

    /// The value that [`Self::put_json`] stored under that name. Floats come back to the last bit.
    ///
    /// # Errors
    /// [`Error::CheckpointEntry`] when there is none, or it is of another form.
    pub fn get_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        serde_json::from_str(self.get_text(name)?).map_err(|error| entry(name, format!("cannot be read ({error})")))
    }

    /// Writes the snapshot to `path`; until the last moment, whatever stood there stays.
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be written (an older one is still whole then), or [`Error::Checkpoint`] when
    /// there are more entries than the format's header holds.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let problem = |error: String| Error::Checkpoint { path: path.into(), problem: error };
        let metadata = Metadata { version: VERSION, crc32: self.checksum(), text: self.text.clone() };
        let metadata = serde_json::to_string(&metadata).map_err(|error| problem(error.to_string()))?;
        let metadata = HashMap::from([(KEY.to_owned(), metadata)]);
        let bytes = safetensors::serialize(&self.arrays, Some(metadata)).map_err(|error| problem(error.to_string()))?;
        write_whole(path, &bytes)
    }

    /// Reads a snapshot back.
    ///
    /// # Errors
    /// [`Error::Read`] when the file cannot be read, and [`Error::Checkpoint`] when it is not, to the last bit, what
    /// [`Self::save`] wrote.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
        Self::from_bytes(&bytes).map_err(|problem| Error::Checkpoint { path: path.into(), problem })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let metadata = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let metadata = metadata.ok_or("it is a safetensors file that mixpress did not write")?;
        let Metadata { version, crc32, text } =
            serde_json::from_str(metadata).map_err(|error| format!("its metadata is damaged: {error}"))?;
        if version != VERSION {
            return Err(format!("it has version {version}, and only version {VERSION} is known"));
        }
        let mut snapshot = Self { arrays: BTreeMap::new(), text };
        for (name, view) in SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?.iter() {
            let values = Values::from_bytes(view.dtype(), view.data())
                .ok_or_else(|| format!("entry `{name}` is of a kind {} that no checkpoint has", view.dtype()))?;
            snapshot.arrays.insert(name.to_owned(), Array { shape: view.shape().to_vec(), values });
        }
        if snapshot.checksum() == crc32 { Ok(snapshot) } else { Err("its checksum does not match".into()) }
    }

    /// CRC-32 of everything, each part with its length before it.
    fn checksum(&self) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        let mut add = |bytes: &[u8]| {
            crc.update(&(bytes.len() as u64).to_le_bytes());
            crc.update(bytes);
        };
        for (name, array) in &self.arrays {
            add(name.as_bytes());
            add(array.values.dtype().to_string().as_bytes());
            add(&array.shape.iter().flat_map(|&side| (side as u64).to_le_bytes()).collect::<Vec<_>>());
            add(&array.values.to_bytes());
        }
        for (name, text) in &self.text {
            add(name.as_bytes());
            add(text.as_bytes());
        }
        crc.finalize()
    }
}

impl View for &Array {
    fn dtype(&self) -> Dtype {
        self.values.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.to_bytes().into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * self.values.dtype().bitsize() / 8
    }
}

#[cfg(test)]
mod tests;
