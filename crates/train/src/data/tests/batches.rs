//! Batches: each sample once an epoch, the same bytes whenever they are asked for.

use proptest::prelude::*;

use crate::data::{Augmentation, BatchConfig, Batches, Dataset, Feed, Pixels};

/// Images whose pixels all tell the number of their sample.
fn numbered(samples: usize, shape: [usize; 3]) -> Dataset {
    let features: usize = shape.iter().product();
    let values = (0..samples * features).map(|at| (at / features) as u8).collect();
    let labels = (0..samples as u32).collect();
    Dataset::new("numbered", Pixels::Bytes { values, divisor: 1 }, shape.to_vec(), labels, samples).unwrap()
}

fn batch(batches: &Batches, index: usize, features: usize) -> (Vec<f32>, Vec<u32>) {
    let mut inputs = vec![-1.0; batches.size() * features];
    let mut labels = vec![u32::MAX; batches.size()];
    batches.fill(index, None, &mut inputs, &mut labels);
    (inputs, labels)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_epoch_visits_each_sample_at_most_once_and_leaves_less_than_a_batch(
        samples in 1_usize..200, size in 1_usize..64, seed: u64, epoch in 0_u64..100,
    ) {
        let data = numbered(samples, [1, 1, 1]);
        let batches = Batches::new(&data, &BatchConfig { size, augmentation: Augmentation::None, seed }, epoch);
        let mut seen = Vec::new();
        for index in 0..batches.len() {
            let (inputs, labels) = batch(&batches, index, 1);
            // The label belongs to the input.
            prop_assert!(inputs.iter().zip(&labels).all(|(&input, &label)| input == label as f32));
            seen.extend(labels);
        }
        prop_assert!(!seen.is_empty() && samples - seen.len() < batches.size());
        let visited = seen.len();
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), visited);
    }

    #[test]
    fn a_step_of_the_feed_is_a_batch_of_its_epoch_however_one_gets_there(
        samples in 5_usize..60, size in 1_usize..20, seed: u64, steps in proptest::collection::vec(0_u64..200, 1..8),
    ) {
        let data = numbered(samples, [1, 4, 4]);
        let config = BatchConfig { size, augmentation: Augmentation::Shift, seed };
        let mut feed = Feed::new(&data, config);
        for step in steps {
            let mut inputs = vec![0.0; feed.size() * 16];
            let mut labels = vec![0; feed.size()];
            feed.fill(step, None, &mut inputs, &mut labels);
            let epoch = Batches::new(&data, &config, step / feed.batches_an_epoch());
            let index = (step % feed.batches_an_epoch()) as usize;
            prop_assert_eq!((inputs, labels), batch(&epoch, index, 16));
        }
    }

    #[test]
    fn kept_features_are_those_of_the_whole_shifted_item(
        keep in proptest::collection::vec(0_usize..32, 0..12), seed: u64, index in 0_usize..3,
    ) {
        let values = (0..9 * 32).map(|value| value as u8).collect();
        let data = Dataset::new("d", Pixels::Bytes { values, divisor: 255 }, vec![2, 4, 4], vec![0; 9], 1).unwrap();
        let batches = Batches::new(&data, &BatchConfig { size: 3, augmentation: Augmentation::Shift, seed }, 0);
        let (whole, _) = batch(&batches, index, 32);
        let mut kept = vec![-1.0; 3 * keep.len()];
        batches.fill(index, Some(&keep), &mut kept, &mut [0; 3]);
        let expected: Vec<f32> = whole.chunks(32).flat_map(|item| keep.iter().map(|&feature| item[feature])).collect();
        prop_assert_eq!(kept, expected);
    }
}

#[test]
fn order_and_augmentation_change_with_the_epoch_and_the_seed() {
    let data = numbered(64, [1, 4, 4]);
    let make = |seed, epoch| {
        let batches = Batches::new(&data, &BatchConfig { size: 64, augmentation: Augmentation::Shift, seed }, epoch);
        batch(&batches, 0, 16)
    };
    assert_eq!(make(1, 1), make(1, 1));
    assert_ne!(make(1, 1).1, make(1, 2).1);
    assert_ne!(make(1, 1).1, make(2, 1).1);
}

#[test]
fn mnist_has_429_batches_of_128() {
    let data = Dataset::new("d", Pixels::Bytes { values: vec![0; 55_000], divisor: 1 }, vec![1], vec![0; 55_000], 1);
    let data = data.unwrap();
    let config = BatchConfig { size: 128, augmentation: Augmentation::None, seed: 0 };
    assert_eq!(Batches::new(&data, &config, 0).len(), 429);
}
