//! What a model says of an input or an output: its name, its type, its shape.

use std::fmt;

/// The type of a tensor's entries, as the runtime computes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Element {
    /// Single precision; models of half, `bf16` and double precision are run in it, too.
    F32,
    /// Whole numbers: those of 32 and of 64 bits, and truth values.
    I32,
    /// Whole numbers of 8 bits.
    I8,
    /// Natural numbers of 8 bits.
    U8,
}

impl Element {
    /// Its name, such as `f32`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::I32 => "i32",
            Self::I8 => "i8",
            Self::U8 => "u8",
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The length of an axis, as a model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Always this length.
    Fixed(usize),
    /// Any length; what the model calls it.
    Free(String),
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => length.fmt(f),
            Self::Free(name) => name.fmt(f),
        }
    }
}

/// An input or an output of a model. Shown as `"x" f32 [batch, 3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueInfo {
    pub(crate) name: String,
    pub(crate) element: Option<Element>,
    pub(crate) shape: Option<Vec<Dimension>>,
}

impl ValueInfo {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its entries, where the model declares one that the runtime has.
    #[must_use]
    pub fn element(&self) -> Option<Element> {
        self.element
    }

    /// Its shape, where the model declares one.
    #[must_use]
    pub fn shape(&self) -> Option<&[Dimension]> {
        self.shape.as_deref()
    }
}

impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        if let Some(element) = self.element {
            write!(f, " {element}")?;
        }
        if let Some(shape) = &self.shape {
            let lengths: Vec<String> = shape.iter().map(Dimension::to_string).collect();
            write!(f, " [{}]", lengths.join(", "))?;
        }
        Ok(())
    }
}
