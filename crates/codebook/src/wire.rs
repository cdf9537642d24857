//! The only place that knows bincode: the structure of a file as bytes.
use bincode::{Decode, Encode, config};

use crate::{
    AxisRef, Codebook, Container, Dtype, Entry, Error, Limits, Metadata, PlainTensor, QuantizedTensor, UnitGroup,
};

#[derive(Encode, Decode)]
struct TensorWire {
    name: String,
    shape: Vec<u64>,
    axes: Vec<Option<(u64, u64)>>,
    kind: u8,
    book: Vec<f32>,
    bits: u8,
    indices: Vec<u16>,
    data: Vec<u8>,
}

#[derive(Encode, Decode)]
struct FileWire {
    tensors: Vec<TensorWire>,
    groups: Vec<(u64, Option<(u64, u64)>)>,
    definition: Option<Vec<u8>>,
    recipe: Option<Vec<u8>>,
    seed: Option<u64>,
    float_error: Option<u32>,
    error: Option<u32>,
    extra: Vec<(String, String)>,
}

pub(crate) fn to_bytes(c: &Container) -> Result<Vec<u8>, Error> {
    let tensors = c
        .entries
        .iter()
        .map(|e| match e {
            Entry::Quantized(t) => {
                let (book, bits) = match t.codebook() {
                    Codebook::Values(v) => (v.clone(), 0),
                    Codebook::Grid { step, bits } => (vec![*step], *bits),
                };
                TensorWire {
                    name: t.name().to_owned(),
                    shape: t.shape().iter().map(|&d| d as u64).collect(),
                    axes: t.axes().iter().map(|a| a.map(|a| (a.group as u64, a.repeat as u64))).collect(),
                    kind: 0,
                    book,
                    bits,
                    indices: t.indices().to_vec(),
                    data: vec![],
                }
            }
            Entry::Plain(t) => TensorWire {
                name: t.name().to_owned(),
                shape: t.shape().iter().map(|&d| d as u64).collect(),
                axes: vec![],
                kind: 1 + t.dtype() as u8,
                book: vec![],
                bits: 0,
                indices: vec![],
                data: t.data().to_vec(),
            },
        })
        .collect();
    let m = &c.metadata;
    let wire = FileWire {
        tensors,
        groups: c.groups.iter().map(|g| (g.size as u64, g.grid.map(|[h, w]| (h as u64, w as u64)))).collect(),
        definition: c.definition.clone(),
        recipe: m.recipe.clone(),
        seed: m.seed,
        float_error: m.float_error,
        error: m.error,
        extra: m.extra.clone(),
    };
    bincode::encode_to_vec(wire, config::standard()).map_err(|e| Error::Header { reason: e.to_string() })
}

pub(crate) fn from_bytes(bytes: &[u8], _limits: &Limits) -> Result<Container, Error> {
    let (wire, _): (FileWire, usize) =
        bincode::decode_from_slice(bytes, config::standard().with_limit::<{ 1 << 30 }>())
            .map_err(|e| Error::Header { reason: e.to_string() })?;
    let mut entries = Vec::new();
    for t in wire.tensors {
        let shape: Vec<usize> = t.shape.iter().map(|&d| d as usize).collect();
        entries.push(if t.kind == 0 {
            let book = if t.bits == 0 {
                Codebook::Values(t.book)
            } else {
                Codebook::Grid { step: t.book.first().copied().unwrap_or(0.0), bits: t.bits }
            };
            let axes: Vec<_> =
                t.axes.iter().map(|a| a.map(|(g, r)| AxisRef { group: g as usize, repeat: r as usize })).collect();
            Entry::Quantized(QuantizedTensor::new(t.name, shape, book, t.indices)?.with_axes(axes)?)
        } else {
            Entry::Plain(PlainTensor::from_bytes(t.name, shape, Dtype::from_tag(t.kind - 1)?, t.data)?)
        });
    }
    let groups = wire
        .groups
        .iter()
        .map(|&(s, g)| UnitGroup { size: s as usize, grid: g.map(|(h, w)| [h as usize, w as usize]) })
        .collect();
    let metadata = Metadata {
        recipe: wire.recipe,
        seed: wire.seed,
        float_error: wire.float_error,
        error: wire.error,
        extra: wire.extra,
    };
    Ok(Container { entries, groups, definition: wire.definition, metadata })
}
