//! Small models, made byte by byte.

/// A varint.
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A delimited field.
pub fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [&varint(number << 3 | 2), &varint(content.len() as u64), content].concat()
}

/// A field that holds a whole number.
pub fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// A `TensorProto` with a type, dimensions, and other fields.
pub fn tensor(name: &str, data_type: u64, dims: &[u64], fields: &[Vec<u8>]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&length| number(1, length)).collect();
    [dims, number(2, data_type), fields.concat(), field(8, name.as_bytes())].concat()
}

/// The entries of external data.
pub fn external(entries: &[(&str, &str)]) -> Vec<u8> {
    let entries =
        entries.iter().map(|(key, value)| field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat()));
    [entries.flatten().collect(), number(14, 1)].concat()
}

/// A model whose graph has these fields.
pub fn model(graph: &[u8]) -> Vec<u8> {
    [number(1, 10), field(2, b"tests"), field(7, graph), field(8, &number(2, 20))].concat()
}

/// A model with one initializer.
pub fn with_initializer(tensor: &[u8]) -> Vec<u8> {
    model(&field(5, tensor))
}

/// A safetensors file of this header and these bytes.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}
