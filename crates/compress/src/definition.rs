//! The definition section of a file: the shape of the network's input, then the network.
//!
//! One byte for the number of dimensions, each dimension as a little-endian base-128 number (seven bits a byte, the
//! highest bit says that more follow), then the compact form of the definition.

use mixpress_network::{Definition, Graph};

use crate::Error;
use crate::imported::IMPORTED;

/// The bytes of a definition and the input shape that it is lowered for.
pub(crate) fn write_definition(definition: &Definition, input_shape: &[usize]) -> Vec<u8> {
    let mut bytes = vec![input_shape.len() as u8];
    for &side in input_shape {
        let mut rest = side;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes.extend(definition.to_compact());
    bytes
}

/// Reads what [`write_definition`] wrote, and lowers it.
pub(crate) fn read_definition(bytes: &[u8]) -> Result<(Definition, Graph), Error> {
    let ended = || Error::Tensors("the definition's input shape is cut off or too large".into());
    let mut bytes = bytes.iter();
    let rank = *bytes.next().ok_or_else(ended)?;
    if rank == IMPORTED {
        return Err(Error::Imported);
    }
    let mut shape = Vec::new();
    for _ in 0..rank {
        let mut side = 0_usize;
        for place in 0.. {
            let byte = *bytes.next().ok_or_else(ended)?;
            if place > 3 {
                return Err(ended());
            }
            side |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        shape.push(side);
    }
    let definition = Definition::from_compact(bytes.as_slice())?;
    let graph = definition.lower(&shape)?;
    Ok((definition, graph))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mixpress_network::zoo;

    #[test]
    fn a_definition_comes_back_with_its_shape() {
        for (name, shape) in
            [("digits-mlp", &[1, 8, 8][..]), ("lenet-5-caffe", &[1, 28, 28]), ("vgg-small", &[3, 132, 300])]
        {
            let definition = zoo::by_name(name).unwrap();
            let bytes = write_definition(&definition, shape);
            assert!(bytes.len() < 12, "{bytes:?}");
            let (again, graph) = read_definition(&bytes).unwrap();
            assert_eq!((again, graph.input_shape()), (definition, shape));
            for end in 0..bytes.len() - 1 {
                assert!(read_definition(&bytes[..end]).is_err(), "{end} of {bytes:?}");
            }
        }
    }

    #[test]
    fn an_absurd_shape_is_refused() {
        assert!(read_definition(&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
        assert!(read_definition(&[255]).is_err());
        assert!(read_definition(&[]).is_err());
    }
}
