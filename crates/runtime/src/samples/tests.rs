//! How arrays are cut, by what an input declares.

use proptest::prelude::*;

use super::*;

/// An input whose lengths are fixed where they are not zero, which stands for any.
fn info(shape: Option<&[usize]>) -> ValueInfo {
    let dimension = |&length: &usize| if length == 0 { Dimension::Free("n".into()) } else { Dimension::Fixed(length) };
    let shape = shape.map(|shape| shape.iter().map(dimension).collect());
    ValueInfo { name: "x".into(), element: Some(Element::I32), shape }
}

fn one(shape: &[usize], declared: Option<&[usize]>) -> Result<Samples, Error> {
    let mut arrays = Arrays::new();
    let values: Vec<i32> = (0..).take(shape.iter().product()).collect();
    arrays.insert("x", Array::new(shape, values)?)?;
    Samples::of_inputs(arrays, &[info(declared)])
}

/// Shape and first entry of what each run is given.
fn given(samples: &Samples) -> Vec<(Vec<usize>, i32)> {
    let entry = |view| match view {
        ValueView::Int32Tensor(tensor) => (
            rten_tensor::Layout::shape(&tensor).to_vec(),
            rten_tensor::AsView::iter(&tensor).next().copied().unwrap_or(-1),
        ),
        other => panic!("{other:?}"),
    };
    (0..samples.runs()).map(|run| entry(samples.inputs[0].of(run).unwrap())).collect()
}

#[test]
fn arrays_are_cut_by_what_is_declared() {
    for (shape, declared, stacked, expected) in [
        // As declared.
        (&[2, 3][..], Some(&[2, 3][..]), false, vec![(vec![2, 3], 0)]),
        (&[5, 3], Some(&[0, 3]), false, vec![(vec![5, 3], 0)]),
        (&[], Some(&[]), false, vec![(vec![], 0)]),
        // Without a declared shape.
        (&[4, 3], None, false, vec![(vec![4, 3], 0)]),
        // A multiple of the first length.
        (&[4, 3], Some(&[2, 3]), false, vec![(vec![2, 3], 0), (vec![2, 3], 6)]),
        (&[2], Some(&[1]), false, vec![(vec![1], 0), (vec![1], 1)]),
        // One axis more, also with a single sample.
        (&[2, 2, 3], Some(&[2, 3]), true, vec![(vec![2, 3], 0), (vec![2, 3], 6)]),
        (&[1, 5, 3], Some(&[0, 3]), true, vec![(vec![5, 3], 0)]),
        (&[2], Some(&[]), true, vec![(vec![], 0), (vec![], 1)]),
        // An axis without entries behind the first one is nothing unusual.
        (&[1, 0], Some(&[1, 0]), false, vec![(vec![1, 0], -1)]),
    ] {
        let samples = one(shape, declared).unwrap();
        assert_eq!(samples.is_stacked(), stacked, "{shape:?} for {declared:?}");
        assert_eq!(given(&samples), expected, "{shape:?} for {declared:?}");
    }
}

#[test]
fn bytes_are_given_to_every_input_of_whole_numbers() {
    let data = |element| {
        let mut arrays = Arrays::new();
        arrays.insert("x", Array::new([2], vec![3u8, 250])?)?;
        let info = ValueInfo { element, ..info(Some(&[2])) };
        Ok(Samples::of_inputs(arrays, &[info])?.inputs.remove(0).data)
    };
    assert!(matches!(data(Some(Element::U8)), Ok(Data::U8(values)) if values == [3, 250]));
    for element in [None, Some(Element::I32)] {
        assert!(matches!(data(element), Ok(Data::I32(values)) if values == [3, 250]), "{element:?}");
    }
    let narrow = data(Some(Element::I8)).unwrap_err();
    assert!(matches!(narrow, Error::Arrays(ArrayError::Range { range: "i8", .. })), "{narrow}");
    assert!(matches!(data(Some(Element::F32)), Err(Error::Element { found: "u8", .. })));
}

#[test]
fn a_runs_array_is_checked_at_every_axis() {
    for (shape, declared, axis) in [(&[2, 4][..], &[2, 3][..], 1), (&[3, 3], &[2, 3], 0), (&[5, 1, 3], &[2, 3], 1)] {
        let error = one(shape, Some(declared)).unwrap_err();
        assert!(matches!(error, Error::Dimension { axis: found, .. } if found == axis), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn runs_together_have_all_entries(runs in 1usize..5, more in any::<bool>(),
                                      shape in prop::collection::vec(1usize..4, 1..4)) {
        let array = if more { [&[runs], &shape[..]].concat() } else { [&[runs * shape[0]], &shape[1..]].concat() };
        let samples = one(&array, Some(&shape)).unwrap();
        prop_assert_eq!(samples.runs(), runs);
        let length: usize = shape.iter().product();
        let firsts: Vec<i32> = given(&samples).iter().map(|(_, first)| *first).collect();
        prop_assert_eq!(firsts, (0..runs).map(|run| (run * length) as i32).collect::<Vec<_>>());
    }
}
