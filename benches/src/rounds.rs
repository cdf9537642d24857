//! Timing side by side: what is compared runs in turns, so that a busy moment of the machine hits all of it.

use std::time::Instant;

/// A name and what is timed under it.
pub type Subject<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// Runs each subject once to warm up, then `rounds` times in turns. Gives the median of each, in seconds.
#[must_use]
pub fn medians(rounds: usize, subjects: &mut [Subject<'_>]) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(rounds); subjects.len()];
    for (_, run) in &mut *subjects {
        run();
    }
    for _ in 0..rounds {
        for ((_, run), times) in subjects.iter_mut().zip(&mut times) {
            times.push(seconds(run));
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}

/// How long something takes.
pub fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

/// The middle one of some numbers, or the mean of the two in the middle; NaN of none.
#[must_use]
pub fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let len = numbers.len();
    if len == 0 {
        return f64::NAN;
    }
    0.5 * (numbers[(len - 1) / 2] + numbers[len / 2])
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn subjects_run_in_turns() {
        let order = Cell::new(0_u32);
        let mut subjects: Vec<Subject<'_>> = vec![
            ("first", Box::new(|| order.set(order.get() * 10 + 1))),
            ("second", Box::new(|| order.set(order.get() * 10 + 2))),
        ];
        let medians = medians(2, &mut subjects);
        drop(subjects);
        assert_eq!(order.get(), 121_212);
        assert!(medians.len() == 2 && medians.iter().all(|median| *median >= 0.0));
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0]), 2.5);
        assert!(median(&mut []).is_nan());
    }
}
