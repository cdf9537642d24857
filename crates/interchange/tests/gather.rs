//! Models with codebooks in place of weights: that they hold the same values, and everything else as it was.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::build::{external, field, number, tensor};
use mixpress_interchange::{BoxError, Codebooks, Error, Gathered, Limits, Model, Skeleton, WhyPlain, WriteOptions};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The tensors of a model, those with at most 256 values as codebooks of these.
struct Own<'a>(&'a Model);

impl Own<'_> {
    fn values(&self, tensor: usize) -> Result<(Vec<Vec<u8>>, Vec<u8>), BoxError> {
        let width = self.0.tensors()[tensor].element().bits() as usize / 8;
        let payload = self.0.payload(tensor)?;
        let mut values: Vec<Vec<u8>> = payload.chunks(width).map(<[u8]>::to_vec).collect();
        values.sort();
        values.dedup();
        Ok((values, payload))
    }
}

impl Codebooks for Own<'_> {
    fn codebook(&mut self, tensor: usize) -> Result<Option<Vec<u8>>, BoxError> {
        let (values, _) = self.values(tensor)?;
        Ok((values.len() <= 256).then(|| values.concat()))
    }

    fn indices(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        let (values, payload) = self.values(tensor)?;
        let index = |value: &[u8]| values.iter().position(|other| other == value).unwrap() as u8;
        Ok(payload.chunks(values[0].len()).map(index).collect())
    }

    fn payload(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        Ok(self.0.payload(tensor)?)
    }
}

/// A model with codebooks, written into a folder from its stored skeleton.
fn gathered(model: &Model, folder: &Path) -> Result<Gathered, Error> {
    let skeleton = Skeleton::from_bytes(&model.skeleton().to_bytes(), &Limits::default()).unwrap();
    skeleton.write_gathered(folder.join("new.onnx"), &mut Own(model), &WriteOptions::default())
}

/// The delimited fields of a message, by a reader of its own.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                varint(&mut bytes);
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            _ => 4,
        };
        let (content, rest) = bytes.split_at(length);
        found.push((tag >> 3, content));
        bytes = rest;
    }
    found
}

fn first(message: &[u8], number: u64) -> &[u8] {
    fields(message).into_iter().find(|(other, _)| *other == number).map_or(&[], |(_, content)| content)
}

/// What nodes named so are, in the order of a graph: operator, inputs, output.
fn nodes(graph: &[u8]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let nodes = fields(graph).into_iter().filter(|(number, _)| *number == 1);
    let told = nodes.map(|(_, node)| {
        let inputs: Vec<String> =
            fields(node).into_iter().filter(|(number, _)| *number == 1).map(|(_, name)| text(name)).collect();
        format!("{}({}) = {}", text(first(node, 4)), inputs.join(", "), text(first(node, 2)))
    });
    told.collect()
}

/// All tensors with names or outputs of constants in a graph: dimensions and payload.
fn tensors(graph: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for (number, content) in fields(graph) {
        let (name, tensor) = match number {
            5 => (first(content, 8), content),
            1 if first(content, 4) == b"Constant" => (first(content, 2), first(first(content, 5), 5)),
            _ => continue,
        };
        found.insert(String::from_utf8_lossy(name).into_owned(), first(tensor, 9).to_vec());
    }
    found
}

/// The values that a graph's nodes look up for a tensor.
fn looked_up(graph: &[u8], name: &str, width: usize) -> Vec<u8> {
    let tensors = tensors(graph);
    let (codebook, indices) = (&tensors[&format!("{name}_codebook")], &tensors[&format!("{name}_indices")]);
    indices.iter().flat_map(|&index| &codebook[usize::from(index) * width..][..width]).copied().collect()
}

#[test]
fn initializers_are_looked_up_before_all_other_nodes() {
    let model = Model::open(data("initializers.onnx")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = gathered(&model, folder.path()).unwrap();
    let bytes = fs::read(&written.paths[0]).unwrap();
    let graph = first(&bytes, 7);
    let nodes = nodes(graph);
    assert_eq!(nodes.len(), 2 * written.gathered + 1);
    assert_eq!(nodes.last().unwrap(), "Identity(x) = out");
    let mut names = Vec::new();
    for (number, info) in model.tensors().iter().enumerate().filter(|(_, info)| info.element().is_compressible()) {
        let name = info.name();
        if written.plain.iter().any(|plain| plain.name == name && plain.why == WhyPlain::NoCodebook) {
            continue;
        }
        let width = info.element().bits() as usize / 8;
        assert!(looked_up(graph, name, width) == model.payload(number).unwrap(), "{name}");
        assert!(!tensors(graph).contains_key(name), "{name} is there still");
        let at = nodes.iter().position(|node| *node == format!("Cast({name}_indices) = {name}_places")).unwrap();
        assert_eq!(nodes[at + 1], format!("Gather({name}_codebook, {name}_places) = {name}"));
        names.push(name);
    }
    assert_eq!(names.len(), written.gathered);
    assert!(names.contains(&"odd") && names.contains(&"brain.typed") && names.contains(&"half.typed"), "{names:?}");
    // What is no weight is there with all its bytes.
    let again = Model::open(&written.paths[0]).unwrap();
    for (number, info) in model.tensors().iter().enumerate().filter(|(_, info)| !info.element().is_compressible()) {
        let other = again.tensors().iter().position(|other| other.names() == info.names()).unwrap();
        assert!(model.payload(number).unwrap() == again.payload(other).unwrap(), "{}", info.name());
    }
}

#[test]
fn constants_become_constants_in_their_place() {
    let model = Model::open(data("constants.onnx")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = gathered(&model, folder.path()).unwrap();
    let bytes = fs::read(&written.paths[0]).unwrap();
    let graph = first(&bytes, 7);
    let of = |name: &str| {
        let (codebook, indices, places) =
            (format!("{name}_codebook"), format!("{name}_indices"), format!("{name}_places"));
        [
            format!("Constant() = {codebook}"),
            format!("Constant() = {indices}"),
            format!("Cast({indices}) = {places}"),
            format!("Gather({codebook}, {places}) = {name}"),
        ]
    };
    let mut expected = Vec::new();
    expected.extend([of("named"), of("unnamed"), of("list")].concat());
    expected.extend(["few", "number", "numbers"].map(|name| format!("Constant() = {name}")));
    expected.extend(of("half"));
    expected.extend(["Filled(x) = y", "Identity(x) = out"].map(str::to_owned));
    assert_eq!(nodes(graph), expected);
    for (number, info) in model.tensors().iter().enumerate().take(4) {
        let width = info.element().bits() as usize / 8;
        assert!(looked_up(graph, info.name(), width) == model.payload(number).unwrap(), "{}", info.name());
    }
    let plain: Vec<_> = written.plain.iter().map(|plain| (&plain.name[..], plain.why)).collect();
    let attributes = ["Filled_7/fill", "Filled_7/fills", "Filled_7/fills_2"].map(|name| (name, WhyPlain::Attribute));
    assert_eq!(plain, attributes);
}

/// All graphs of a message, and functions as if they were graphs.
fn graphs(message: &[u8], leads: &[u64], found: &mut Vec<Vec<u8>>) {
    for (number, content) in fields(message).into_iter().filter(|(number, _)| leads.contains(number)) {
        match (leads, number) {
            // Of a model.
            ([7, 25], 25) => {
                let nodes = fields(content).into_iter().filter(|(number, _)| *number == 7);
                found.push(nodes.flat_map(|(_, node)| field(1, node)).collect());
            }
            ([7, 25] | [6, 11], _) => {
                found.push(content.to_vec());
                graphs(content, &[1], found);
            }
            // Of a graph and a node.
            ([1], _) => graphs(content, &[5], found),
            _ => graphs(content, &[6, 11], found),
        }
    }
}

#[test]
fn weights_in_subgraphs_and_functions_are_looked_up_there() {
    for (file, places, plain) in [
        ("branches.onnx", 13, &[][..]),
        ("loop.onnx", 1, &[]),
        ("functions.onnx", 2, &[]),
        ("sparse.onnx", 0, &[WhyPlain::Sparse, WhyPlain::Sparse]),
        ("empty.onnx", 0, &[]),
        ("integers.onnx", 0, &[]),
    ] {
        let model = Model::open(data(file)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let written = gathered(&model, folder.path()).unwrap();
        assert_eq!(written.plain.iter().map(|plain| plain.why).collect::<Vec<_>>(), plain, "{file}");
        let bytes = fs::read(&written.paths[0]).unwrap();
        if places == 0 {
            assert!(bytes == fs::read(data(file)).unwrap(), "{file}");
            continue;
        }
        let mut found = Vec::new();
        graphs(&bytes, &[7, 25], &mut found);
        let mut values: Vec<Vec<u8>> = Vec::new();
        for graph in &found {
            let tensors = tensors(graph);
            for (name, codebook) in tensors.iter().filter(|(name, _)| name.contains("_codebook")) {
                let value = |index: &u8| codebook[4 * usize::from(*index)..][..4].to_vec();
                values.push(tensors[&name.replace("_codebook", "_indices")].iter().flat_map(value).collect());
            }
        }
        let mut expected: Vec<_> = (0..model.tensors().len()).map(|number| model.payload(number).unwrap()).collect();
        assert_eq!((values.len(), written.gathered), (places, places), "{file}");
        values.sort();
        expected.sort();
        assert!(values == expected, "{file}");
    }
}

/// A graph's input or output.
fn value(number: u64, name: &str) -> Vec<u8> {
    field(number, &field(1, name.as_bytes()))
}

/// A weight of twenty entries.
fn weight(name: &str) -> Vec<u8> {
    let values: Vec<u8> = (0..20u8).flat_map(|entry| f32::from(entry % 3).to_le_bytes()).collect();
    field(5, &tensor(name, 1, &[4, 5], &[field(9, &values)]))
}

fn open(folder: &Path, bytes: &[u8]) -> Model {
    fs::write(folder.join("m.onnx"), bytes).unwrap();
    Model::open(folder.join("m.onnx")).unwrap()
}

#[test]
fn new_names_are_nobody_s() {
    let folder = tempfile::tempdir().unwrap();
    // One name is that of an input, one of an output within a subgraph, one of a node.
    let inner = field(1, &[field(2, b"w_indices"), field(4, b"Relu")].concat());
    let branch = field(5, &[field(1, b"then_branch"), field(6, &inner)].concat());
    let node = field(1, &[field(3, b"w_cast"), field(4, b"If"), branch].concat());
    let graph = [value(11, "w_codebook"), weight("w"), node].concat();
    let model = open(folder.path(), &common::build::model(&graph));
    let written = gathered(&model, folder.path()).unwrap();
    let bytes = fs::read(&written.paths[0]).unwrap();
    let graph = first(&bytes, 7);
    assert_eq!(tensors(graph).into_keys().collect::<Vec<_>>(), ["w_codebook_2", "w_indices_2"]);
    assert_eq!(nodes(graph), ["Cast(w_indices_2) = w_places", "Gather(w_codebook_2, w_places) = w", "If() = "]);
    let cast = fields(graph).into_iter().find(|(number, _)| *number == 1).unwrap().1;
    assert_eq!(first(cast, 3), b"w_cast_2");
}

#[test]
fn what_callers_may_set_and_what_training_uses_stays_plain() {
    let folder = tempfile::tempdir().unwrap();
    let graph = [value(11, "w"), weight("w"), weight("v"), weight("")].concat();
    let training = field(20, &field(1, &weight("t")));
    let model = open(folder.path(), &[common::build::model(&graph), training].concat());
    let written = gathered(&model, folder.path()).unwrap();
    assert_eq!(written.gathered, 1);
    let plain: Vec<_> = written.plain.iter().map(|plain| (&plain.name[..], plain.why)).collect();
    let expected = [
        ("w", WhyPlain::Input),
        ("initializer", WhyPlain::Nameless),
        ("training_0/initialization/t", WhyPlain::Training),
    ];
    assert_eq!(plain, expected);
}

#[test]
fn versions_that_lack_what_it_takes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let versions = |ir: u64, opset: &[u8]| [number(1, ir), field(7, &weight("w")), field(8, opset)].concat();
    let opset = |domain: &str, version: u64| [field(1, domain.as_bytes()), number(2, version)].concat();
    for (bytes, words) in [
        (versions(3, &opset("", 20)), &["IR version is 3", "4"][..]),
        (versions(8, &opset("", 5)), &["default operators is 5", "6"]),
        (versions(8, &opset("ai.onnx.ml", 20)), &["default operators is not told"]),
    ] {
        let error = gathered(&open(folder.path(), &bytes), folder.path()).unwrap_err();
        assert!(matches!(error, Error::GatherVersion { .. }), "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{error}");
        }
    }
    assert_eq!(gathered(&open(folder.path(), &versions(4, &opset("ai.onnx", 6))), folder.path()).unwrap().gathered, 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

    // Brain floats came to Gather late, and bytes to Constant; a function imports its own operators.
    let halves = field(5, &tensor("b", 16, &[40], &[field(9, &[0x3F; 80])]));
    let attribute = [field(1, b"value"), field(5, &weight("").split_off(2))].concat();
    let node = [field(2, b"c"), field(4, b"Constant"), field(5, &attribute)].concat();
    let function = field(25, &[field(1, b"f"), field(7, &node)].concat());
    let graph = [halves, field(1, &node)].concat();
    let bytes = [number(1, 8), field(7, &graph), function, field(8, &opset("", 8))].concat();
    let folder = tempfile::tempdir().unwrap();
    let written = gathered(&open(folder.path(), &bytes), folder.path()).unwrap();
    let plain: Vec<_> = written.plain.iter().map(|plain| (&plain.name[..], plain.why)).collect();
    let expected = [
        ("b", WhyPlain::Opset { found: Some(8), needed: 13 }),
        ("c", WhyPlain::Opset { found: Some(8), needed: 9 }),
        ("f/c", WhyPlain::Opset { found: None, needed: 9 }),
    ];
    assert_eq!(plain, expected);

    let error = gathered(&Model::open(data("plain.safetensors")).unwrap(), folder.path()).unwrap_err();
    assert!(matches!(error, Error::GatherFormat), "{error}");
}

#[test]
fn a_file_beside_the_model_goes_unless_someone_needs_it_as_it_is() {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let values: Vec<u8> = (0..100u8).flat_map(|entry| f32::from(entry % 7).to_le_bytes()).collect();
    fs::write(source.path().join("data"), [&values[..], &[9; 1400], b"more"].concat()).unwrap();
    let outside = |name: &str, dims: &[u64], offset: &str| {
        field(5, &tensor(name, 1, dims, &[external(&[("location", "data"), ("offset", offset)])]))
    };
    // One has a codebook, one is an input, one is small and stays in the skeleton.
    let graph = [outside("w", &[10, 10], "0"), outside("p", &[350], "400"), outside("s", &[1], "1800"), value(11, "p")];
    let model = open(source.path(), &common::build::model(&graph.concat()));
    let written = gathered(&model, target.path()).unwrap();
    assert_eq!((written.gathered, written.paths.len()), (1, 1));
    let bytes = fs::read(&written.paths[0]).unwrap();
    let graph_bytes = first(&bytes, 7);
    assert!(looked_up(graph_bytes, "w", 4) == values);
    assert_eq!((&tensors(graph_bytes)["p"][..], &tensors(graph_bytes)["s"][..]), (&[9; 1400][..], &b"more"[..]));
    // What is large goes out again where it has to.
    let options = WriteOptions { max_onnx_bytes: 1200, ..WriteOptions::default() };
    let path = target.path().join("short.onnx");
    let short = model.skeleton().write_gathered(&path, &mut Own(&model), &options).unwrap();
    assert_eq!(short.paths, [path.clone(), target.path().join("short.onnx.data")]);
    assert_eq!(Model::open(path).unwrap().payload(0).unwrap(), [9; 1400]);

    // A tensor that is part of another needs the file.
    let graph = [graph.concat(), outside("part", &[50], "100")].concat();
    let model = open(source.path(), &common::build::model(&graph));
    let target = tempfile::tempdir().unwrap();
    let written = gathered(&model, target.path()).unwrap();
    assert_eq!((written.gathered, written.paths.len()), (1, 2));
    assert!(fs::read(&written.paths[1]).unwrap() == fs::read(source.path().join("data")).unwrap());
}

/// What is wrong with codebooks or indices.
struct Wrong {
    codebook: Vec<u8>,
    indices: Vec<u8>,
}

impl Codebooks for Wrong {
    fn codebook(&mut self, _: usize) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(Some(self.codebook.clone()))
    }

    fn indices(&mut self, _: usize) -> Result<Vec<u8>, BoxError> {
        Ok(self.indices.clone())
    }

    fn payload(&mut self, _: usize) -> Result<Vec<u8>, BoxError> {
        Err("nobody asks for it".into())
    }
}

#[test]
fn codebooks_and_indices_have_to_fit() {
    let folder = tempfile::tempdir().unwrap();
    let model = open(folder.path(), &common::build::model(&weight("w")));
    let write = |codebook: usize, indices: Vec<u8>| {
        let mut wrong = Wrong { codebook: vec![0; codebook], indices };
        model.skeleton().write_gathered(folder.path().join("new.onnx"), &mut wrong, &WriteOptions::default())
    };
    for bytes in [0, 7, 4 * 257] {
        let error = write(bytes, vec![0; 20]).unwrap_err();
        assert!(matches!(error, Error::CodebookLength { found, .. } if found == bytes as u64), "{error}");
    }
    let error = write(8, vec![0; 19]).unwrap_err();
    assert!(matches!(error, Error::PayloadLength { expected: 20, found: 19, .. }), "{error}");
    let mut indices = vec![1; 20];
    indices[7] = 2;
    let error = write(8, indices).unwrap_err();
    assert_eq!(error.to_string(), "tensor \"w\": its entry 7 has index 2, its codebook 2 values");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(write(8, vec![1; 20]).unwrap().gathered, 1);
}

#[test]
fn graphs_are_not_followed_beyond_the_limit() {
    // A skeleton that no reader made: no tensors, one file, one literal.
    let deep = (0..100).fold(Vec::new(), |graph, _| field(1, &field(5, &field(6, &graph))));
    let literal = [number(1, 10), field(8, &number(2, 20)), field(7, &deep)].concat();
    let content = [&[2, 0, 1, 1, b'm', 1, 0][..], &common::build::varint(literal.len() as u64), &literal].concat();
    let bytes = [&[0][..], &zstd::encode_all(&content[..], 1).unwrap()].concat();
    let skeleton = Skeleton::from_bytes(&bytes, &Limits::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut none = Wrong { codebook: Vec::new(), indices: Vec::new() };
    let error = skeleton.write_gathered(folder.path().join("m"), &mut none, &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "levels of graphs", limit: 64, .. }), "{error}");
}

#[test]
fn no_skeleton_makes_it_panic() {
    for file in ["constants.onnx", "branches.onnx", "functions.onnx", "external/model.onnx"] {
        let model = Model::open(data(file)).unwrap();
        let stored = model.skeleton().to_bytes();
        let content = zstd::decode_all(&stored[1..]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
        let (mut written, mut refused) = (0, 0);
        for place in (0..content.len()).step_by(content.len() / 40) {
            let mut changed = content.clone();
            changed[place] ^= 1 << (place % 8);
            let bytes = [&stored[..1], &zstd::encode_all(&changed[..], 1).unwrap()].concat();
            let Ok(skeleton) = Skeleton::from_bytes(&bytes, &Limits::default()) else { continue };
            if skeleton.tensors().len() != model.tensors().len() {
                continue;
            }
            match skeleton.write_gathered(folder.path().join("new.onnx"), &mut Own(&model), &options) {
                Ok(_) => written += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(written > 0 && refused > 0, "{file}: {written} written, {refused} refused");
    }
}
