//! What the text model has read before a file begins: the words of recipes, definitions and parameter names.
//!
//! Part of the format; `docs/format.md` prints it.

use crate::text::Kind;

/// The texts, each with its kind, in the order in which the model reads them.
pub(crate) const PRIMER: [(Kind, &str); 18] = [
    (Kind::Structure, "layer1.0.conv1.weight layer1.0.bn1.weight layer1.0.bn1.bias layer1.0.bn1.running_mean "),
    (Kind::Structure, "layer2.0.shortcut.0.weight layer1.0.bn1.running_var blocks.0.features.0.weight "),
    (Kind::Structure, "encoder.layer.0.attention.self.query.weight encoder.layer.0.attention.output.dense.bias "),
    (Kind::Structure, "model.layers.0.mlp.down_proj.weight embeddings.word_embeddings.weight LayerNorm.weight "),
    (
        Kind::Definition,
        "[[layer]]\nkind = \"conv\"\n\n[[layer]]\nkind = \"dense\"\nunits = 10\n\n[[layer]]\nkind = \"relu\"\n",
    ),
    (Kind::Definition, "\u{1}\u{40}\u{1}"),
    (Kind::Definition, "\u{3}\u{3}\u{20}\u{20}\u{5}"),
    (Kind::Definition, "\u{3}\u{3}\u{20}\u{20}\u{4}"),
    (Kind::Definition, "\u{3}\u{1}\u{8}\u{8}\u{1}"),
    (Kind::Definition, "\u{3}\u{1}\u{1c}\u{1c}\u{3}"),
    (Kind::Definition, "\u{3}\u{1}\u{1c}\u{1c}\u{2}"),
    (
        Kind::Recipe,
        "\u{1}augment = true\nbatch = 128\nvalidation = 12\n\n[hard]\nfloor = 0.05\nlearning_rate = 0.001\nlevel_floor = 0.75\n\
         refresh = 100\nrounds = 10\nstd_dev = [0.3, 0.15]\nstrength = 1.0\n\n[joint]\nbias_strength = 1.0\nfloor = 0.1\n\
         learning_rate = 0.0015\nprune_from = 0.4\nramp = 0.5\nrefresh = 100\nrounds = 24\nshrink_from = 0.3\n\
         strength = 0.3\nthreshold = 0.2\n\n[plain]\nfinal_learning_rate = 0.00001\nlearning_rate = 0.0015\nrounds = 10\n\n\
         [prior]\ncomponents = 9\nkind = \"heavy-tailed\"\nrange = [-16.0, 16.0]\nshared = false\nstd_dev = 0.5\n\n\
         [prior.proportions.stick-breaking]\nalpha = 1.0\n\n[prior.threshold]\nabsolute = 30\nfraction = 0.0003\n\n[tied]\n\
         bias_bits = 4\nlearning_rate = 0.001\nrounds = 6\n",
    ),
    (Kind::Recipe, "\u{1}[prior]\ncomponents = 17\nkind = \"classic\"\nshared = true\n"),
    (Kind::Recipe, "\u{1}[hard]\nrounds = 16\nstrength = 0.25\n\n[joint]\nrounds = 30\nstrength = 0.45\n"),
    (Kind::Recipe, "\u{1}[joint]\nstrength = 0.12\n\n[prior.threshold]\nabsolute = 4\n"),
    (Kind::Recipe, "\u{1}augment = false\n"),
    (Kind::Recipe, "\u{1}augment = false\n\n[joint]\nstrength = 0.7\n"),
    (Kind::Recipe, "\u{1}[hard]\nstrength = 0.3\n\n[joint]\nstrength = 0.2\n"),
];
