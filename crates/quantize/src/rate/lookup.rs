//! The interval of each weight among many, found by a look at a table and a comparison or two.

/// Equal buckets over the middle of the line; far more than there are cuts as a rule.
const BUCKETS: usize = 1 << 12;

/// Buckets between two cuts whose distance is the median.
const FINENESS: f32 = 4.0;

/// Finds how many of some ascending cuts are at or below a weight.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    /// The cuts, with infinity behind them.
    cuts: Vec<f32>,
    origin: f32,
    per_unit: f32,
    /// Cuts before each bucket. Those of the outermost two are not used: what is there is searched for.
    before: Vec<u16>,
    /// The most cuts in a bucket but the outermost two.
    most: usize,
}

impl Lookup {
    /// `cuts` are ascending. A weight equal to a cut is above it.
    pub(super) fn new(cuts: &[f64]) -> Self {
        let mut cuts: Vec<f32> = cuts.iter().map(|&cut| at_least(cut)).collect();
        let mut gaps: Vec<f32> = cuts.windows(2).map(|pair| pair[1] - pair[0]).filter(|&gap| gap > 0.0).collect();
        gaps.sort_by(f32::total_cmp);
        let gap = gaps.get(gaps.len() / 2).copied().unwrap_or(1.0);
        let per_unit = (FINENESS / gap).min(f32::MAX);
        let middle = cuts.get(cuts.len() / 2).copied().unwrap_or(0.0);
        let origin = middle - 0.5 * BUCKETS as f32 / per_unit;
        cuts.push(f32::INFINITY);
        let mut lookup = Self { cuts, origin, per_unit, before: vec![0; BUCKETS], most: 0 };
        let mut inside = vec![0_u16; BUCKETS];
        for &cut in &lookup.cuts[..lookup.cuts.len() - 1] {
            inside[lookup.bucket(cut)] += 1;
        }
        let mut seen = 0;
        for (before, inside) in lookup.before.iter_mut().zip(&inside) {
            *before = seen;
            seen += inside;
        }
        lookup.most = usize::from(inside[1..BUCKETS - 1].iter().copied().max().unwrap_or(0));
        lookup
    }

    /// A number that ascends with the value: so a cut in an earlier bucket than the weight's is below it, whatever was
    /// rounded.
    #[inline]
    fn bucket(&self, value: f32) -> usize {
        // A float beyond the whole numbers becomes the nearest of them.
        (((value - self.origin) * self.per_unit) as i32).clamp(0, BUCKETS as i32 - 1) as usize
    }

    /// How many cuts are at or below the weight.
    #[inline]
    pub(super) fn find(&self, weight: f32) -> usize {
        let bucket = self.bucket(weight);
        if bucket == 0 || bucket == BUCKETS - 1 {
            return self.cuts.partition_point(|&cut| cut <= weight);
        }
        let mut at = usize::from(self.before[bucket]);
        for _ in 0..self.most {
            at += usize::from(self.cuts[at] <= weight);
        }
        at
    }
}

/// The least f32 that is not below the value.
fn at_least(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value { near.next_up() } else { near }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_found_is_what_a_search_finds(
            mut cuts in prop::collection::vec(prop_oneof![-1.0..1.0_f64, -1e-6..1e-6_f64, -1e30..1e30_f64, -1e-42..1e-42_f64], 0..40),
            weights in prop::collection::vec(prop_oneof![-1.0..1.0_f32, -1e-6..1e-6_f32, -1e30..1e30_f32, any::<f32>()], 0..60),
        ) {
            cuts.sort_by(f64::total_cmp);
            let lookup = Lookup::new(&cuts);
            let on_cuts: Vec<f32> = cuts.iter().map(|&cut| cut as f32).collect();
            for weight in weights.into_iter().chain(on_cuts).filter(|weight| weight.is_finite()) {
                let expected = cuts.iter().filter(|&&cut| cut <= f64::from(weight)).count();
                prop_assert_eq!(lookup.find(weight), expected, "{} in {:?}", weight, cuts);
            }
        }
    }
}
