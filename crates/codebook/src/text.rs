//! Bytes of unknown meaning (a definition, a recipe, names) through a small context-mixing model.
//!
//! Each byte is told bit by bit, highest first. The contexts are the last 0, 1, 2 and 3 bytes; their counters are mixed.
//! Before its first text the model reads the [`PRIMER`], so that a short recipe is not all news.

use std::sync::OnceLock;

use crate::{
    Error, Limits,
    binary::{BinaryCoder, Tally},
    counter::Counter,
    logistic::Logistic,
    mixer::Mixer,
    numbers::Numbers,
    primer::PRIMER,
};

const ORDERS: usize = 4;
/// Counters an order, as a power of two.
const SLOTS: u32 = 14;

/// What a text is; the model's history starts from its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The structure record.
    Structure = 1,
    /// The network's definition.
    Definition = 2,
    /// The recipe.
    Recipe = 3,
    /// A key of the metadata.
    Key = 4,
    /// A value of the metadata.
    Value = 5,
    /// The bytes of a plain tensor.
    Plain = 6,
}

impl Kind {
    /// Its bytes, in words.
    fn words(self) -> &'static str {
        match self {
            Self::Structure => "bytes of the structure",
            Self::Definition => "bytes of the definition",
            Self::Recipe => "bytes of the recipe",
            Self::Key => "bytes of a metadata key",
            Self::Value => "bytes of a metadata value",
            Self::Plain => "bytes of a plain tensor",
        }
    }
}

/// Learns from all bytes coded with it.
#[derive(Debug)]
pub(crate) struct Text {
    lengths: Numbers,
    model: Option<Model>,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self { lengths: Numbers::new(), model: None }
    }

    /// Codes bytes, their number first.
    pub(crate) fn code<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        kind: Kind,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Vec<u8>, Error> {
        let claimed = self.lengths.code(coder, bytes.len() as u64);
        if claimed > limits.max_header_bytes {
            return Err(Error::Limit { what: kind.words(), claimed, limit: limits.max_header_bytes });
        }
        Ok(self.content(coder, kind, bytes, claimed as usize))
    }

    /// Codes `length` bytes.
    pub(crate) fn content<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        kind: Kind,
        bytes: &[u8],
        length: usize,
    ) -> Vec<u8> {
        // Nothing is primed for nothing.
        if length == 0 {
            return Vec::new();
        }
        self.model.get_or_insert_with(|| Model::primed().clone()).content(coder, kind, bytes, length)
    }

    /// Bits that bytes would take, learnt nothing from.
    pub(crate) fn cost(&self, kind: Kind, bytes: &[u8]) -> f64 {
        let mut tally = Tally::default();
        self.model.as_ref().unwrap_or_else(|| Model::primed()).clone().content(&mut tally, kind, bytes, bytes.len());
        tally.bits()
    }
}

#[derive(Debug, Clone)]
struct Model {
    logistic: Logistic,
    counters: Vec<Counter>,
    mixers: Vec<Mixer<ORDERS>>,
    /// The last four bytes.
    history: u32,
}

impl Model {
    /// After the primer. It is read once a process: a copy takes a fraction of the time, which small files would notice.
    fn primed() -> &'static Self {
        static PRIMED: OnceLock<Model> = OnceLock::new();
        PRIMED.get_or_init(|| {
            let mut model = Self {
                logistic: Logistic::new(),
                counters: vec![Counter::new(); ORDERS << SLOTS],
                mixers: vec![Mixer::hundredths([30, 60, 70, 70], 400); 8],
                history: 0,
            };
            for (kind, text) in PRIMER {
                model.content(&mut Tally::default(), kind, text.as_bytes(), text.len());
            }
            model
        })
    }

    fn content<C: BinaryCoder>(&mut self, coder: &mut C, kind: Kind, bytes: &[u8], length: usize) -> Vec<u8> {
        self.history = kind as u32;
        // Grown as bytes arrive: a length is only a claim, if one that was checked against the limits.
        let mut out = Vec::new();
        for i in 0..length {
            out.push(self.byte(coder, bytes.get(i).copied().unwrap_or(0)));
        }
        out
    }

    fn byte<C: BinaryCoder>(&mut self, coder: &mut C, byte: u8) -> u8 {
        let mut partial = 1u32;
        for bit in (0..8).rev() {
            let mut slots = [0; ORDERS];
            let mut inputs = [0; ORDERS];
            for order in 0..ORDERS {
                let context = self.history & ((1u32 << (8 * order)) - 1);
                let hash =
                    (context.wrapping_mul(0x9E37_79B1) ^ partial.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35);
                slots[order] = (order << SLOTS) + (hash >> (32 - SLOTS)) as usize;
                inputs[order] = self.logistic.stretch(self.counters[slots[order]].p());
            }
            let mixer = &mut self.mixers[7 - bit];
            let p = mixer.p(self.logistic, &inputs);
            let one = coder.code(byte >> bit & 1 == 1, p);
            mixer.update(&inputs, p, one);
            for &slot in &slots {
                self.counters[slot].update(one);
            }
            partial = partial << 1 | u32::from(one);
        }
        self.history = self.history << 8 | (partial & 0xFF);
        partial as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Tally;
    use crate::range_coder::{Decoder, Encoder};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn bytes_come_back(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4)) {
            let limits = Limits::default();
            let (mut encoder, mut text) = (Encoder::new(), Text::new());
            for part in &parts {
                text.code(&mut encoder, Kind::Recipe, part, &limits).unwrap();
            }
            let bytes = encoder.finish();
            let (mut decoder, mut text) = (Decoder::new(&bytes), Text::new());
            for part in &parts {
                prop_assert_eq!(&text.code(&mut decoder, Kind::Recipe, &[], &limits).unwrap(), part);
            }
        }
    }

    #[test]
    fn a_common_recipe_costs_a_few_bytes() {
        let limits = Limits::default();
        for (text, most) in [
            ("\u{1}[joint]\nstrength = 0.35\n", 8.0),
            ("\u{1}augment = false\n\n[joint]\nrounds = 48\nstrength = 0.25\n", 14.0),
            ("\u{1}[hard]\nstrength = 0.4\n\n[joint]\nstrength = 0.003\n\n[prior.threshold]\nabsolute = 4\n", 18.0),
        ] {
            let mut tally = Tally::default();
            Text::new().code(&mut tally, Kind::Recipe, text.as_bytes(), &limits).unwrap();
            assert!(tally.bits() < 8.0 * most, "{} bytes for {text:?}", tally.bits() / 8.0);
        }
    }

    #[test]
    fn repetition_is_cheap_and_noise_is_not_dear() {
        let limits = Limits::default();
        let mut tally = Tally::default();
        let toml = "[[layer]]\nkind = \"dense\"\nunits = 300\n\n".repeat(8);
        Text::new().code(&mut tally, Kind::Definition, toml.as_bytes(), &limits).unwrap();
        assert!(tally.bits() < 8.0 * 85.0, "{} bytes", tally.bits() / 8.0);
        let noise: Vec<u8> = (0..8u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 13) as u8).collect();
        let mut tally = Tally::default();
        Text::new().code(&mut tally, Kind::Plain, &noise, &limits).unwrap();
        assert!(tally.bits() < 8.0 * 13.0, "{} bytes", tally.bits() / 8.0);
    }
}
