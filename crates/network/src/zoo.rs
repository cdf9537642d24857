//! Networks with names, known to everybody in the field.

use crate::{BatchNorm, Conv, Definition, Dense, LayerSpec, Pool, Residual};

/// 64-128-64-10 with `ReLU`, for the 8 x 8 digits: 17,226 parameters.
#[must_use]
pub fn digits_mlp() -> Definition {
    mlp("digits-mlp", &[128, 64, 10])
}

/// 784-300-100-10 with `ReLU` (`LeCun` et al. 1998), `fc1 fc2 fc3`: 266,610 parameters.
#[must_use]
pub fn lenet_300_100() -> Definition {
    mlp("lenet-300-100", &[300, 100, 10])
}

/// The LeNet-5 that comes with Caffe: two convolutions with max-pooling and no `ReLU` after them, `fc1` with `ReLU`, `fc2`;
/// 431,080 parameters on 28 x 28 images.
#[must_use]
pub fn lenet_5_caffe() -> Definition {
    Definition::new("lenet-5-caffe")
        .with(Conv::new(20, 5))
        .with(LayerSpec::MaxPool(Pool::new(2)))
        .with(Conv::new(50, 5))
        .with(LayerSpec::MaxPool(Pool::new(2)))
        .with(LayerSpec::Flatten)
        .with(Dense::new(500))
        .with(LayerSpec::Relu)
        .with(Dense::new(10))
}

/// ResNet-20 for small images (He et al. 2015, arXiv 1512.03385, section 4.2).
///
/// Where the size changes, the shortcut is a 1 x 1 convolution with batch-norm (the paper's option B), not padding with
/// zeros (its option A): each channel then has producers and readers of its own, and can be removed. 272,474 parameters on
/// three-channel images; option A would have 2,752 fewer.
#[must_use]
pub fn resnet_20() -> Definition {
    let mut definition = Definition::new("resnet-20")
        .with(Conv::new(16, 3).padding(1).without_bias())
        .with(BatchNorm::new())
        .with(LayerSpec::Relu);
    for (stage, channels) in [16, 32, 64].into_iter().enumerate() {
        for block in 0..3 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let mut residual = Residual::new([
                Conv::new(channels, 3).stride(stride).padding(1).without_bias().into(),
                BatchNorm::new().into(),
                LayerSpec::Relu,
                Conv::new(channels, 3).padding(1).without_bias().into(),
                BatchNorm::new().into(),
            ])
            .named(format!("layer{}.{block}", stage + 1));
            if stride == 2 {
                let projection = Conv::new(channels, 1).stride(stride).without_bias();
                residual = residual.shortcut([projection.into(), BatchNorm::new().into()]);
            }
            definition = definition.with(residual).with(LayerSpec::Relu);
        }
    }
    definition.with(LayerSpec::GlobalAveragePool).with(Dense::new(10).named("fc"))
}

/// Six 3 x 3 convolutions with batch-norm and `ReLU` of 32, 32, 64, 64, 128, 128 channels, max-pooling after every second,
/// then dense 256, `ReLU`, dense 10.
#[must_use]
pub fn vgg_small() -> Definition {
    let mut definition = Definition::new("vgg-small");
    for channels in [32, 64, 128] {
        for _ in 0..2 {
            definition =
                definition.with(Conv::new(channels, 3).padding(1)).with(BatchNorm::new()).with(LayerSpec::Relu);
        }
        definition = definition.with(LayerSpec::MaxPool(Pool::new(2)));
    }
    definition.with(LayerSpec::Flatten).with(Dense::new(256)).with(LayerSpec::Relu).with(Dense::new(10))
}

/// A name and what it names.
type Entry = (&'static str, fn() -> Definition);

/// Every network of the zoo, numbered from 1 by its position. Compact definitions hold these numbers, so entries are only
/// ever appended: a network that must change gets a new entry, and the old one stays.
const ENTRIES: [Entry; 5] = [
    ("digits-mlp", digits_mlp),
    ("lenet-300-100", lenet_300_100),
    ("lenet-5-caffe", lenet_5_caffe),
    ("resnet-20", resnet_20),
    ("vgg-small", vgg_small),
];

/// The names of the zoo's networks.
#[must_use]
pub fn names() -> Vec<&'static str> {
    ENTRIES.iter().map(|(name, _)| *name).collect()
}

/// The network of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<Definition> {
    ENTRIES.iter().find(|(entry, _)| *entry == name).map(|(_, define)| define())
}

/// The number of a definition that is exactly one of the zoo's.
pub(crate) fn number_of(definition: &Definition) -> Option<u8> {
    let position = ENTRIES.iter().position(|(name, define)| *name == definition.name && define() == *definition)?;
    u8::try_from(position + 1).ok()
}

/// The definition of that number.
pub(crate) fn by_number(number: u8) -> Option<Definition> {
    let position = usize::from(number).checked_sub(1)?;
    ENTRIES.get(position).map(|(_, define)| define())
}

fn mlp(name: &str, units: &[usize]) -> Definition {
    let mut definition = Definition::new(name);
    for (position, &units) in units.iter().enumerate() {
        if position > 0 {
            definition = definition.with(LayerSpec::Relu);
        }
        definition = definition.with(Dense::new(units));
    }
    definition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_as_many_as_published() {
        let count = |definition: Definition, input: &[usize]| definition.lower(input).unwrap().parameter_count();
        assert_eq!(count(digits_mlp(), &[64]), 17_226);
        assert_eq!(count(digits_mlp(), &[1, 8, 8]), 17_226);
        assert_eq!(count(lenet_300_100(), &[1, 28, 28]), 266_610);
        assert_eq!(count(lenet_5_caffe(), &[1, 28, 28]), 431_080);
        assert_eq!(count(resnet_20(), &[3, 32, 32]), 272_474);
        assert_eq!(count(vgg_small(), &[3, 32, 32]), 815_018);
    }

    #[test]
    fn multiply_adds_are_as_many_as_published() {
        let count = |definition: Definition, input: &[usize]| definition.lower(input).unwrap().multiply_adds();
        assert_eq!(count(lenet_300_100(), &[1, 28, 28]), 784 * 300 + 300 * 100 + 100 * 10);
        assert_eq!(count(lenet_5_caffe(), &[1, 28, 28]), 20 * 25 * 576 + 50 * 20 * 25 * 64 + 800 * 500 + 500 * 10);
    }

    #[test]
    fn names_are_pytorchs() {
        let names = |definition: Definition, input: &[usize]| -> Vec<String> {
            definition.lower(input).unwrap().parameters().iter().map(|p| p.name.clone()).collect()
        };
        assert_eq!(
            names(lenet_5_caffe(), &[1, 28, 28]),
            [
                "conv1.weight",
                "conv1.bias",
                "conv2.weight",
                "conv2.bias",
                "fc1.weight",
                "fc1.bias",
                "fc2.weight",
                "fc2.bias"
            ]
        );
        let resnet = names(resnet_20(), &[3, 32, 32]);
        for name in [
            "conv1.weight",
            "bn1.running_var",
            "layer1.0.conv1.weight",
            "layer3.2.bn2.bias",
            "layer2.0.shortcut.0.weight",
            "layer2.0.shortcut.1.running_mean",
            "fc.bias",
        ] {
            assert!(resnet.contains(&name.to_owned()), "{name} is not among {resnet:?}");
        }
    }

    #[test]
    fn every_entry_is_found_by_name_and_number() {
        for (position, name) in names().into_iter().enumerate() {
            let definition = by_name(name).unwrap();
            assert_eq!(definition.name, name);
            assert_eq!(number_of(&definition), Some(position as u8 + 1));
            assert_eq!(by_number(position as u8 + 1), Some(definition));
        }
        assert_eq!(by_number(0), None);
        assert_eq!(by_number(200), None);
        assert_eq!(by_name("lenet"), None);
        let renamed = Definition { name: "mine".into(), ..digits_mlp() };
        assert_eq!(number_of(&renamed), None);
    }
}
