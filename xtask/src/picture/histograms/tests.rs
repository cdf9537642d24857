//! The picture is read back: every number is one, every spike stands at its value and as high as its count.

use super::*;

const AFTER: [(f32, usize); 4] = [(-0.75, 120), (-0.25, 40), (0.25, 60), (0.375, 80)];

fn before() -> Vec<f32> {
    // A triangle on [-0.5, 0.5], no two weights equal.
    (0..2000).map(|i| i as f32 / 2000.0 - 0.5).map(|u| u * (1.5 - u.abs())).collect()
}

fn after() -> Vec<f32> {
    let mut weights = vec![0.0; 1700];
    for (value, count) in AFTER {
        weights.extend(std::iter::repeat_n(value, count));
    }
    weights
}

fn svg(before: &[f32], after: &[f32]) -> String {
    Histograms { network: "net", layer: "fc1", before, after }.svg()
}

/// The values of an attribute in the elements of a class, in order.
fn attributes<'a>(svg: &'a str, class: &str, name: &str) -> Vec<&'a str> {
    let (class, name) = (format!("class=\"{class}\""), format!(" {name}=\""));
    let elements = svg.split('<').filter(|element| element.contains(&class));
    elements.filter_map(|element| Some(element.split_once(&name)?.1.split_once('"')?.0)).collect()
}

fn numbers(path: &str) -> Vec<f64> {
    let words = path.split(|c: char| c.is_alphabetic() || c == ' ').filter(|word| !word.is_empty());
    words.map(|word| word.parse().expect("a number")).collect()
}

#[test]
fn spikes_stand_at_the_codebook_values_as_high_as_their_counts() {
    let (before, after) = (before(), after());
    let svg = svg(&before, &after);
    let xs: Vec<f64> = attributes(&svg, "tip", "cx").into_iter().flat_map(numbers).collect();
    let ys: Vec<f64> = attributes(&svg, "tip", "cy").into_iter().flat_map(numbers).collect();
    assert_eq!((xs.len(), ys.len()), (4, 4));
    let zero = numbers(attributes(&svg, "zero", "d")[0])[0];
    let scale = (xs[3] - zero) / 0.375;
    let bottom = DOWN[1].1;
    for (((value, count), x), y) in AFTER.into_iter().zip(xs).zip(ys) {
        // Coordinates have one decimal.
        assert!((x - zero - scale * f64::from(value)).abs() < 0.3, "{value} at {x}");
        assert!(
            ((bottom - y) / (bottom - DOWN[1].0) * HEADROOM[1] * 120.0 - count as f64).abs() < 0.1,
            "{count} at {y}"
        );
        assert!(svg.contains(&format!(">{count}</text>")), "{count} is written");
    }
    assert!(svg.contains("1,700 of 2,000 are zero; the other 300 have 4 different values"));
    assert!(svg.contains(">1,700 zeros</text>"));
    assert!(svg.contains("2,000 weights, 2,000 different values"));
}

#[test]
fn the_histogram_holds_every_weight_and_stays_inside_its_plot() {
    let before = before();
    let horizontal = Horizontal::of(before.iter().chain(&after()));
    let counts = smooth(&horizontal.bins(&before));
    assert!((counts.iter().sum::<f64>() - 2000.0).abs() < 1e-9);
    let svg = svg(&before, &after());
    let outline = numbers(attributes(&svg, "float", "d")[0]);
    assert_eq!(outline.len(), 2 * (counts.len() + 2));
    for point in outline.chunks(2) {
        assert!((ACROSS.0..=ACROSS.1).contains(&point[0]) && (DOWN[0].0..=DOWN[0].1).contains(&point[1]), "{point:?}");
    }
}

#[test]
fn layers_without_variety_are_drawn_too() {
    for (before, after) in [(vec![0.0; 5], vec![0.0; 5]), (vec![1e-6; 5], vec![0.0; 5]), (vec![3e4], vec![3e4])] {
        let svg = svg(&before, &after);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.ends_with("</svg>\n"));
    }
}

#[test]
fn counts_of_close_values_do_not_lie_on_each_other() {
    let after: Vec<f32> = [0.5, 0.501, 0.502].into_iter().flat_map(|value| [value; 100]).collect();
    let svg = svg(&[1.0], &after);
    let labels = svg.lines().filter(|line| line.ends_with(">100</text>") && line.starts_with("<text x"));
    let mut ys: Vec<f64> = labels.map(|line| numbers(line.split('"').nth(3).expect("y"))[0]).collect();
    ys.sort_by(f64::total_cmp);
    assert_eq!(ys.len(), 3);
    assert!(ys.windows(2).all(|pair| pair[1] - pair[0] >= COUNT.1 - 0.1), "{ys:?}");
}

#[test]
fn steps_and_ticks_are_round() {
    assert_eq!([nice_step(0.7, 10.0), nice_step(130.0, 4.0), nice_step(4.0, 4.0)].map(plain), ["0.1", "50", "1"]);
    assert_eq!([-0.1 - 0.2, 0.0, -0.0, 12.0].map(plain), ["\u{2212}0.3", "0", "0", "12"]);
}
