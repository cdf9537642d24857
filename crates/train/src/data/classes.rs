//! Classes that are known by their names: which number each has.

use std::collections::{BTreeMap, HashMap};

/// The most classes of a data set.
pub(super) const MOST_CLASSES: usize = 1 << 16;

/// From here on a double does not tell whole numbers apart.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Names in the order in which they were met.
#[derive(Default)]
pub(super) struct Names {
    all: Vec<String>,
    places: HashMap<String, u32>,
}

impl Names {
    /// The place of a name among all; at the end, if it is new. `None` for one more than [`MOST_CLASSES`].
    pub(super) fn place(&mut self, name: &str) -> Option<u32> {
        if let Some(place) = self.find(name) {
            return Some(place);
        }
        let place = self.all.len();
        if place == MOST_CLASSES {
            return None;
        }
        self.all.push(name.to_owned());
        self.places.insert(name.to_owned(), place as u32);
        Some(place as u32)
    }

    /// The place of a name that was met.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.places.get(name).copied()
    }

    /// All names.
    pub(super) fn all(&self) -> &[String] {
        &self.all
    }

    /// The class of each name, and how many classes there are.
    ///
    /// Where all names are whole numbers, classes follow their order, and names of the same number, as `1` and `1.0`,
    /// are one class. Otherwise they follow the order of the texts, by code points.
    pub(super) fn numbered(&self) -> (Vec<u32>, usize) {
        let numbers: Option<Vec<i64>> = self.all.iter().map(|name| whole(name)).collect();
        match numbers {
            Some(numbers) => ranks(&numbers),
            None => ranks(&self.all),
        }
    }
}

/// The whole number that a name is.
pub(super) fn whole(name: &str) -> Option<i64> {
    let number: f64 = name.parse().ok()?;
    (number.fract() == 0.0 && number.abs() < MOST_EXACT).then_some(number as i64)
}

/// The rank of each among the different ones, and their number.
fn ranks<T: Ord>(all: &[T]) -> (Vec<u32>, usize) {
    let mut ranks: BTreeMap<&T, u32> = all.iter().map(|one| (one, 0)).collect();
    for (rank, (_, place)) in ranks.iter_mut().enumerate() {
        *place = rank as u32;
    }
    (all.iter().map(|one| ranks[one]).collect(), ranks.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(names: &[&str]) -> (Vec<u32>, usize) {
        let mut all = Names::default();
        let places: Vec<u32> = names.iter().map(|name| all.place(name).unwrap()).collect();
        let (classes, count) = all.numbered();
        (places.iter().map(|&place| classes[place as usize]).collect(), count)
    }

    #[test]
    fn numbers_are_sorted_as_numbers_and_texts_as_texts() {
        assert_eq!(numbered(&["10", "9", "-1", "9", "1e1"]), (vec![2, 1, 0, 1, 2], 3));
        assert_eq!(numbered(&["1", "1.0", "01", "-0", "0"]), (vec![1, 1, 1, 0, 0], 2));
        assert_eq!(numbered(&["10", "9", "a"]), (vec![0, 1, 2], 3));
        assert_eq!(numbered(&["cat", "Dog", "ant", "cat"]), (vec![2, 0, 1, 2], 3));
        // Numbers that are not whole, or too large to be told apart, are texts.
        assert_eq!(numbered(&["10", "9.5"]), (vec![0, 1], 2));
        assert_eq!(numbered(&["9007199254740993", "9007199254740992", "1"]), (vec![2, 1, 0], 3));
        assert_eq!(numbered(&["nan", "1"]), (vec![1, 0], 2));
    }

    #[test]
    fn classes_are_limited() {
        let mut names = Names::default();
        for class in 0..MOST_CLASSES {
            assert_eq!(names.place(&class.to_string()), Some(class as u32));
        }
        assert_eq!((names.place("another"), names.place("17")), (None, Some(17)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn classes_do_not_depend_on_the_order_of_items(names in prop::collection::vec("[ab]{0,2}|-?[0-9]{1,2}", 1..20)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (classes, count) = numbered(&names);
            let reversed: Vec<&str> = names.iter().rev().copied().collect();
            let (mut backwards, same) = numbered(&reversed);
            backwards.reverse();
            prop_assert_eq!((&backwards, same), (&classes, count));
            // There is no gap.
            prop_assert!((0..count as u32).all(|class| classes.contains(&class)));
        }
    }
}
