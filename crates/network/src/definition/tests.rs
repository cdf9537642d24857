//! Every form of a definition says the same; mistakes are named with their line, or with layer, expected and got.

use proptest::prelude::*;

use super::*;
use crate::testing::networks;
use crate::{Error, zoo};

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn toml_and_compact_forms_come_back((definition, _) in networks()) {
        let toml = definition.to_toml();
        prop_assert_eq!(Definition::from_toml(&toml).unwrap(), definition.clone(), "{}", toml);
        prop_assert_eq!(toml::from_str::<Definition>(&toml).unwrap(), definition.clone());
        prop_assert_eq!(Definition::from_compact(&definition.to_compact()).unwrap(), definition);
    }

    #[test]
    fn a_truncated_compact_form_is_an_error((definition, _) in networks(), cut in any::<prop::sample::Index>()) {
        let bytes = definition.to_compact();
        let cut = cut.index(bytes.len());
        let truncated = matches!(Definition::from_compact(&bytes[..cut]), Err(Error::CompactTruncated { .. }));
        prop_assert!(truncated);
    }

    #[test]
    fn bytes_from_a_stranger_never_panic(
        (definition, input) in networks(),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut damaged = definition.to_compact();
        for (at, byte) in noise {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        for bytes in [damaged, [vec![0, 1, b'n'], bytes].concat()] {
            if let Ok(definition) = Definition::from_compact(&bytes) {
                // What was read is a definition like any other.
                let _ = definition.lower(&input);
                prop_assert!(Definition::from_compact(&definition.to_compact()).is_ok());
            }
        }
    }
}

#[test]
fn zoo_networks_are_one_byte_and_survive_toml() {
    for name in zoo::names() {
        let definition = zoo::by_name(name).unwrap();
        assert_eq!(definition.to_compact().len(), 1);
        assert_eq!(Definition::from_compact(&definition.to_compact()).unwrap(), definition);
        assert_eq!(Definition::from_toml(&definition.to_toml()).unwrap(), definition);
    }
    // The numbers stand in files: they must never change.
    assert_eq!(zoo::lenet_300_100().to_compact(), [2]);
    assert_eq!(zoo::vgg_small().to_compact(), [5]);
    assert_eq!(Definition::from_compact(&[99]), Err(Error::UnknownZooNumber { number: 99 }));
    assert!(matches!(Definition::from_compact(&[2, 2]), Err(Error::Compact { offset: 1, value: 1, .. })));
}

#[test]
fn a_spelled_out_definition_takes_a_few_bytes_a_layer() {
    let definition = Definition { name: "mine".into(), ..zoo::lenet_5_caffe() };
    let expected: &[&[u8]] = &[
        &[0, 4],
        b"mine",
        &[8],
        &[1, 20, 5, 5],
        &[2, 2, 2],
        &[1, 50, 5, 5],
        &[2, 2, 2],
        &[9],
        &[0, 0xF4, 0x03],
        &[6],
        &[0, 10],
    ];
    assert_eq!(definition.to_compact(), expected.concat());
}

#[test]
fn lying_counts_and_deep_nesting_are_refused() {
    // A name, then 2^40 layers that are not there.
    let bytes = [0, 1, b'n', 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    assert_eq!(Definition::from_compact(&bytes), Err(Error::TooManyLayers { limit: MAX_LAYERS }));
    let nested = |depth: usize| [vec![0, 1, b'n'], [1, 11].repeat(depth), vec![1, 6]].concat();
    assert!(Definition::from_compact(&nested(MAX_DEPTH)).unwrap().lower(&[3]).is_ok());
    assert_eq!(Definition::from_compact(&nested(MAX_DEPTH + 1)), Err(Error::TooDeep { limit: MAX_DEPTH }));
    let deep = (0..5000).fold(LayerSpec::Relu, |inner, _| Residual::new([inner]).into());
    let deep = Definition::new("deep").with(deep);
    assert_eq!(deep.lower(&[3]), Err(Error::TooDeep { limit: MAX_DEPTH }));
    let many = Definition { name: "many".into(), layers: vec![LayerSpec::Relu; MAX_LAYERS + 1] };
    assert_eq!(many.lower(&[3]), Err(Error::TooManyLayers { limit: MAX_LAYERS }));
}

const TOML: &str = r#"name = "net"

[[layer]]
kind = "conv"
channels = 8
kernel = [3, 5]

[[layer]]
kind = "residual"
name = "block"

[[layer.layer]]
kind = "conv"
channels = 8
kernel = 3
padding = 1

[[layer.shortcut]]
kind = "batch-norm"
epsilon = 0.001

[[layer]]
kind = "max-pool"
kernel = 2

[[layer]]
kind = "dropout"
probability = 0.5

[[layer]]
kind = "dense"
units = 10
"#;

#[test]
fn toml_says_what_rust_says() {
    let expected = Definition::new("net")
        .with(Conv { kernel: [3, 5], ..Conv::new(8, 3) })
        .with(
            Residual::new([Conv::new(8, 3).padding(1).into()])
                .shortcut([BatchNorm { epsilon: 0.001, ..BatchNorm::new() }.into()])
                .named("block"),
        )
        .with(LayerSpec::MaxPool(Pool::new(2)))
        .with(Dropout { probability: 0.5 })
        .with(Dense::new(10));
    assert_eq!(Definition::from_toml(TOML).unwrap(), expected);
}

/// Reads the text with one replacement and gives the message.
fn message(from: &str, to: &str) -> String {
    assert!(TOML.contains(from), "{from}");
    Definition::from_toml(&TOML.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn mistakes_in_toml_are_named_with_their_line() {
    assert_eq!(
        message("padding = 1", "paddding = 1"),
        "line 16: unknown key `paddding`; known here: kind, name, channels, kernel, stride, padding, groups, bias"
    );
    assert_eq!(
        message("name = \"net\"", "name = \"net\"\nlayers = 3"),
        "line 2: unknown key `layers`; known here: name, layer"
    );
    assert!(message("\"dense\"", "\"dence\"").starts_with("line 31: unknown layer kind `dence`; kinds: dense, conv,"));
    assert_eq!(message("units = 10", "units = -10"), "line 32: `units` must be a positive whole number, not -10");
    assert_eq!(message("units = 10", "units = 0"), "line 32: `units` must be a positive whole number, not 0");
    assert_eq!(message("units = 10", "units = 2.5"), "line 32: `units` must be a positive whole number, not 2.5");
    assert_eq!(message("units = 10", "unit = 10"), "line 32: unknown key `unit`; known here: kind, name, units, bias");
    assert_eq!(message("units = 10", ""), "line 30: layer number 5 needs the key `units`");
    assert_eq!(message("kind = \"dense\"", ""), "line 30: layer number 5 needs the key `kind`");
    assert_eq!(
        message("[3, 5]", "[3, 5, 7]"),
        "line 6: `kernel` must be a positive whole number or a pair [height, width] of them, not [3, 5, 7]"
    );
    assert!(message("padding = 1", "padding = -1").starts_with("line 16: `padding` must be a whole number"));
    assert_eq!(message("0.5", "1.0"), "line 28: `probability` must be a number from 0 to below 1, not 1.0");
    assert_eq!(message("0.5", "nan"), "line 28: `probability` must be a number from 0 to below 1, not nan");
    assert_eq!(message("0.001", "0"), "line 20: `epsilon` must be a positive number, not 0");
    assert!(message("\"block\"", "\"bl ock\"").starts_with("line 10: `name` must be a string of"));
    assert!(message("channels = 8", "channels = ").starts_with("line 5: "));
    assert!(message("name = \"net\"", "").starts_with("line 1: the network needs the key `name`"));
    assert_eq!(
        Definition::from_toml("name = \"x\"\nlayer = 3").unwrap_err().to_string(),
        "line 2: `layer` must be a list of layers, [[layer]], not 3"
    );
    assert_eq!(
        Definition::from_toml("name = \"x\"").unwrap_err().to_string(),
        "line 1: the network needs the key `layer`"
    );
}

/// The message for one layer on an input.
fn refused(layer: impl Into<LayerSpec>, input: &[usize]) -> String {
    Definition::new("net").with(layer).lower(input).unwrap_err().to_string()
}

#[test]
fn shapes_that_do_not_fit_are_named_with_layer_expected_and_got() {
    assert_eq!(refused(Conv::new(4, 3), &[64]), "layer conv1: expected [channels, height, width], got [64]");
    assert_eq!(
        refused(Conv::new(4, 5).named("stem"), &[1, 4, 8]),
        "layer stem: expected an image that a kernel of [5, 5] fits on, got [1, 4, 8]"
    );
    assert_eq!(
        refused(LayerSpec::MaxPool(Pool::new(3)), &[1, 2, 2]),
        "layer pool1: expected an image that a window of [3, 3] fits on, got [1, 2, 2]"
    );
    assert_eq!(refused(LayerSpec::GlobalAveragePool, &[5]), "layer pool1: expected [channels, height, width], got [5]");
    assert_eq!(
        refused(Conv::new(4, 1).groups(3), &[4, 2, 2]),
        "layer conv1: expected input channels and 4 outputs that 3 groups divide, got [4, 2, 2]"
    );
    assert_eq!(
        refused(Residual::new([Dense::new(3).into()]), &[4]),
        "layer block1: expected both branches to end in the same shape, [4] as the shortcut has it, got [3]"
    );
    assert_eq!(refused(Dense::new(0), &[4]), "layer fc1: `units` must be a positive whole number, not 0");
    assert_eq!(
        refused(Conv::new(1, 1).stride(0), &[1, 1, 1]),
        "layer conv1: `stride` must be a positive whole number, not 0"
    );
    assert_eq!(
        refused(Dropout { probability: 1.0 }, &[4]),
        "layer dropout1: `probability` must be a number from 0 to below 1, not 1"
    );
    assert_eq!(
        refused(LayerSpec::MaxPool(Pool::new(2).padding(2)), &[1, 4, 4]),
        "layer pool1: `padding` must be at most half the kernel, not 2"
    );
    assert!(refused(Dense::new(1 << 20), &[1 << 20]).contains("has more than 2147483648 elements"));
    assert!(refused(Conv::new(1, 1).padding(usize::MAX / 2), &[1, 1, 1]).contains("`padding` must be"));
    assert!(refused(Conv::new(1, 1).padding(1 << 26), &[1, 1, 1]).contains("more than"));
    for input in [&[][..], &[3, 3], &[0], &[1, 0, 3], &[1, 1, 1, 1]] {
        assert_eq!(zoo::digits_mlp().lower(input), Err(Error::Input { shape: input.to_vec() }));
    }
    assert_eq!(Definition::new("none").lower(&[3]), Err(Error::NoLayers { name: "none".into() }));
    let twice = Definition::new("twice").with(Dense::new(2).named("a")).with(Dense::new(2).named("a"));
    assert_eq!(twice.lower(&[3]), Err(Error::DuplicateParameter { name: "a.weight".into() }));
}

#[test]
fn layers_without_a_name_are_numbered_by_kind() {
    let definition = Definition::new("net")
        .with(Conv::new(2, 1))
        .with(BatchNorm::new())
        .with(Residual::new([Conv::new(2, 1).into(), BatchNorm::new().into()]).shortcut([Conv::new(2, 1).into()]))
        .with(Dense::new(3).named("head"))
        .with(Dense::new(2).without_bias());
    let graph = definition.lower(&[1, 2, 2]).unwrap();
    let names: Vec<&str> =
        graph.parameters().iter().map(|p| p.name.as_str()).filter(|n| n.ends_with(".weight")).collect();
    assert_eq!(
        names,
        [
            "conv1.weight",
            "bn1.weight",
            "block1.conv1.weight",
            "block1.bn1.weight",
            "block1.shortcut.0.weight",
            "head.weight",
            "fc2.weight"
        ]
    );
}
