//! TOML to a definition, by hand rather than by serde: so every error names the line of the very key or value.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BatchNorm, Conv, Definition, Dense, Dropout, LayerSpec, MAX_DEPTH, Pool, Residual};
use crate::Error;

const KINDS: &str = "dense, conv, max-pool, average-pool, global-average-pool, batch-norm, relu, tanh, sigmoid, flatten, \
                     dropout, residual";

impl Definition {
    /// Reads a definition in TOML.
    ///
    /// ```
    /// let definition = mixpress_network::Definition::from_toml(r#"
    ///     name = "tiny"
    ///
    ///     [[layer]]
    ///     kind = "conv"
    ///     channels = 8
    ///     kernel = 3      # or [3, 3]
    ///
    ///     [[layer]]
    ///     kind = "relu"
    ///
    ///     [[layer]]
    ///     kind = "dense"
    ///     name = "head"
    ///     units = 10
    /// "#)?;
    /// assert_eq!(definition.layers.len(), 3);
    /// # Ok::<(), mixpress_network::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`], [`Error::UnknownKey`], [`Error::MissingKey`], [`Error::UnknownKind`] or [`Error::Value`],
    /// each with the line.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let document = DeTable::parse(text).map_err(|error| Error::Syntax {
            line: line(text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let table = Table { text, what: "the network".into(), span: document.span(), entries: document.get_ref() };
        table.known(&["name", "layer"])?;
        let name = table.string("name")?.ok_or_else(|| table.missing("name"))?;
        let layers = table.layers("layer", 0)?.ok_or_else(|| table.missing("layer"))?;
        let definition = Self { name, layers };
        definition.all_layers()?;
        Ok(definition)
    }
}

/// One table of the document, with what error messages need.
struct Table<'a> {
    text: &'a str,
    what: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    fn known(&self, keys: &[&str]) -> Result<(), Error> {
        let unknown = self.entries.keys().find(|key| !keys.contains(&&**key.get_ref()));
        match unknown {
            None => Ok(()),
            Some(key) => Err(Error::UnknownKey {
                line: line(self.text, key.span().start),
                key: key.get_ref().to_string(),
                known: keys.join(", "),
            }),
        }
    }

    fn missing(&self, key: &'static str) -> Error {
        Error::MissingKey { line: line(self.text, self.span.start), table: self.what.clone(), key }
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.entries.iter().find(|(candidate, _)| candidate.get_ref() == key).map(|(_, value)| value)
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &'static str) -> Error {
        let line = line(self.text, value.span().start);
        let got = match value.get_ref() {
            DeValue::Table(_) => "a table".to_owned(),
            _ => self.text.get(value.span()).unwrap_or("something else").lines().next().unwrap_or_default().to_owned(),
        };
        Error::Value { line, key: key.to_owned(), expected, got }
    }

    fn string(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.get_ref().as_str() {
            Some(string) if is_name(string) => Ok(Some(string.to_owned())),
            _ => Err(self.wrong(key, value, "a string of 1 to 200 letters, digits or any of `-_.`")),
        }
    }

    fn boolean(&self, key: &str, default: bool) -> Result<bool, Error> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.get_ref().as_bool().ok_or_else(|| self.wrong(key, value, "true or false"))
    }

    fn number(&self, key: &str, accept: impl Fn(f64) -> bool, expected: &'static str) -> Result<Option<f64>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            other => other.as_integer().and_then(|integer| integer.as_str().parse().ok()),
        };
        number.filter(|&number| accept(number)).map(Some).ok_or_else(|| self.wrong(key, value, expected))
    }

    fn size(&self, key: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let size = whole(value.get_ref()).filter(|&size| size > 0);
        size.map(Some).ok_or_else(|| self.wrong(key, value, "a positive whole number"))
    }

    /// A whole number, or a pair of them.
    fn extent(&self, key: &str, smallest: usize) -> Result<Option<[usize; 2]>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let extent = match value.get_ref() {
            DeValue::Array(items) if items.len() == 2 => {
                whole(items[0].get_ref()).zip(whole(items[1].get_ref())).map(|(h, w)| [h, w])
            }
            other => whole(other).map(|size| [size; 2]),
        };
        let expected = if smallest > 0 {
            "a positive whole number or a pair [height, width] of them"
        } else {
            "a whole number or a pair [height, width] of them, not negative"
        };
        let extent = extent.filter(|extent| extent.iter().all(|&size| size >= smallest));
        extent.map(Some).ok_or_else(|| self.wrong(key, value, expected))
    }

    fn layers(&self, key: &str, depth: usize) -> Result<Option<Vec<LayerSpec>>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let expected = "a list of layers, [[layer]]";
        let items = value.get_ref().as_array().ok_or_else(|| self.wrong(key, value, expected))?;
        let mut layers = Vec::new();
        for (position, item) in items.iter().enumerate() {
            let entries = item.get_ref().as_table().ok_or_else(|| self.wrong(key, item, expected))?;
            let what = format!("{key} number {}", position + 1);
            layers.push(layer(&Table { text: self.text, what, span: item.span(), entries }, depth)?);
        }
        Ok(Some(layers))
    }
}

fn layer(table: &Table<'_>, depth: usize) -> Result<LayerSpec, Error> {
    let kind = table.get("kind").ok_or_else(|| table.missing("kind"))?;
    let name = kind.get_ref().as_str().ok_or_else(|| table.wrong("kind", kind, "a string"))?;
    let plain = |layer| table.known(&["kind"]).map(|()| layer);
    match name {
        "dense" => {
            table.known(&["kind", "name", "units", "bias"])?;
            let units = table.size("units")?.ok_or_else(|| table.missing("units"))?;
            Ok(Dense { name: table.string("name")?, units, bias: table.boolean("bias", true)? }.into())
        }
        "conv" => {
            table.known(&["kind", "name", "channels", "kernel", "stride", "padding", "groups", "bias"])?;
            Ok(LayerSpec::Conv(Conv {
                name: table.string("name")?,
                channels: table.size("channels")?.ok_or_else(|| table.missing("channels"))?,
                kernel: table.extent("kernel", 1)?.ok_or_else(|| table.missing("kernel"))?,
                stride: table.extent("stride", 1)?.unwrap_or([1; 2]),
                padding: table.extent("padding", 0)?.unwrap_or([0; 2]),
                groups: table.size("groups")?.unwrap_or(1),
                bias: table.boolean("bias", true)?,
            }))
        }
        "max-pool" => pool(table).map(LayerSpec::MaxPool),
        "average-pool" => pool(table).map(LayerSpec::AveragePool),
        "global-average-pool" => plain(LayerSpec::GlobalAveragePool),
        "batch-norm" => {
            table.known(&["kind", "name", "epsilon", "momentum"])?;
            let default = BatchNorm::new();
            let epsilon = table.number("epsilon", |e| e as f32 > 0.0 && (e as f32).is_finite(), "a positive number")?;
            let momentum = table.number("momentum", |m| (0.0..=1.0).contains(&m), "a number from 0 to 1")?;
            Ok(LayerSpec::BatchNorm(BatchNorm {
                name: table.string("name")?,
                epsilon: epsilon.map_or(default.epsilon, |e| e as f32),
                momentum: momentum.map_or(default.momentum, |m| m as f32),
            }))
        }
        "relu" => plain(LayerSpec::Relu),
        "tanh" => plain(LayerSpec::Tanh),
        "sigmoid" => plain(LayerSpec::Sigmoid),
        "flatten" => plain(LayerSpec::Flatten),
        "dropout" => {
            table.known(&["kind", "probability"])?;
            let probability = table.number("probability", |p| (0.0..1.0).contains(&p), "a number from 0 to below 1")?;
            Ok(LayerSpec::Dropout(Dropout { probability: probability.ok_or_else(|| table.missing("probability"))? }))
        }
        "residual" => {
            table.known(&["kind", "name", "layer", "shortcut"])?;
            if depth >= MAX_DEPTH {
                return Err(Error::TooDeep { limit: MAX_DEPTH });
            }
            Ok(LayerSpec::Residual(Residual {
                name: table.string("name")?,
                layers: table.layers("layer", depth + 1)?.ok_or_else(|| table.missing("layer"))?,
                shortcut: table.layers("shortcut", depth + 1)?.unwrap_or_default(),
            }))
        }
        _ => Err(Error::UnknownKind {
            line: line(table.text, kind.span().start),
            kind: name.to_owned(),
            known: KINDS.into(),
        }),
    }
}

fn pool(table: &Table<'_>) -> Result<Pool, Error> {
    table.known(&["kind", "kernel", "stride", "padding"])?;
    Ok(Pool {
        kernel: table.extent("kernel", 1)?.ok_or_else(|| table.missing("kernel"))?,
        stride: table.extent("stride", 1)?,
        padding: table.extent("padding", 0)?.unwrap_or([0; 2]),
    })
}

/// Whether a network or layer may be called so: names become parts of parameter names and of file names.
pub(super) fn is_name(name: &str) -> bool {
    let accepted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=200).contains(&name.len()) && name.chars().all(accepted)
}

fn whole(value: &DeValue<'_>) -> Option<usize> {
    let integer = value.as_integer()?;
    usize::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The line of a byte, from 1.
fn line(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
