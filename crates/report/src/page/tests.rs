//! Pages of all kinds: well-formed, escaped, with numbers that are those of their JSON.

use mixpress_compress::{
    Baseline, ClassErrors, CodebookValue, Details, FileBytes, FrontierPoint, LayerDetails, MixtureComponent,
    ModelOutcome, Outcome, TensorParts,
};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// An outcome with everything that a page can show.
fn outcome(name: &str, seed: u64, error: f64) -> Outcome {
    let round = |phase: &str, step: u64, prior: &str, components: &str| {
        format!(
            r#"{{"phase":"{phase}","step":{step},"loss":0.25,"prior":{prior},"validation_error":{error},"nonzero":9000,
                "components":{components}}}"#
        )
    };
    let rounds = [
        round("plain", 429, "null", "[]"),
        round("joint", 429, "1.5", "[9]"),
        round("joint", 858, "1.25", "[9]"),
        round("tied", 429, "null", "[5]"),
    ];
    let text = format!(
        r#"{{"network":"net","data":"digits","seed":{seed},"float_error":{error},"compressed_error":{},"float_validation_error":2.0,
            "validation_error":2.25,"original_bytes":68904,"file_bytes":1723,"ratio":39.990714,"sparsity":0.9,"seconds":3.25,
            "layers":[{{"name":"w","shape":[128,64],"weights":8192,"nonzero":439,"components":3,"bytes":388.4375,
            "bits_per_weight":0.379,"coding":"sparse"}}],"overhead_bytes":60.5,"history":[{}]}}"#,
        error + 0.5,
        rounds.join(",")
    );
    let mut outcome: Outcome = serde_json::from_str(&text).expect("an outcome's fields");
    outcome.network = name.to_owned();
    outcome.layers[0].name = name.to_owned();
    outcome.frontier = (1..=4_u64)
        .map(|at| FrontierPoint {
            file_bytes: 500 * at,
            ratio: 100.0 / at as f64,
            strength: 0.5 / at as f64,
            validation_error: error / at as f64,
            increase: 0.25,
            bound: 0.5,
            is_within: at > 2,
            is_optimal: at != 3,
            is_chosen: at == 4,
        })
        .collect();
    outcome
}

fn details(name: &str, wrong: usize) -> Details {
    let counts = [(-0.5, 200), (0.0, 7753), (0.25, 239)];
    let layer = LayerDetails {
        name: name.to_owned(),
        bin_width: 0.1,
        before: vec![0, 3, 900, 4, 1],
        joint: vec![1, 0, 905, 0, 2],
        expected: vec![0.5, 1.0, 800.0, 1.0, 0.0],
        components: vec![MixtureComponent { mean: -0.001_234_5, std_dev: 0.01, proportion: 0.125 }],
    };
    let parts =
        TensorParts { name: name.to_owned(), codebook: 11.125, positions: 217.0, signs: 57.0625, magnitudes: 103.25 };
    Details {
        recipe: Some(format!("# {name}")),
        definition: Some(format!("name = {name:?}")),
        file: FileBytes { total: 1723.0, magic: 4.0, tensors: vec![parts], checksums: 4.0, ..FileBytes::default() },
        codebooks: vec![counts.map(|(value, count)| CodebookValue { value, count }).to_vec()],
        layers: vec![layer],
        classes: vec![ClassErrors { samples: 36, float_wrong: wrong, compressed_wrong: 2 }; 3],
        baseline: Some(Baseline { bytes: 15_175, error: 1.11 }),
    }
}

fn whole(name: &str) -> String {
    let (outcome, details) = (outcome(name, 3, 1.25), details(name, 1));
    page(&outcome, &PageOptions { details: Some(&details), file: Some(Path::new(name)), command: Some(name) })
}

/// What is between the marks of the element with the JSON, read.
fn json_of(html: &str) -> Value {
    let start = html.find(r#"<script type="application/json" id="outcome">"#).expect("the JSON");
    let text = &html[start..];
    let text = &text[text.find('>').expect("the element") + 1..];
    serde_json::from_str(&text[..text.find("</script>").expect("its end")]).expect("valid JSON")
}

/// The tags of a page: names, with a slash before those that end an element; their attributes. What is in the style is
/// skipped.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("every tag ends");
        let (name, attributes) = rest[start + 1..end].split_once(' ').unwrap_or((&rest[start + 1..end], ""));
        let pairs = attributes.split("\" ").filter_map(|pair| pair.split_once("=\""));
        let pairs = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim_end_matches('"').to_owned()));
        found.push((name.to_owned(), pairs.collect()));
        rest = &rest[end + 1..];
    }
    found
}

/// Checks that elements are nested, and that all that a page refers to within itself is there once.
fn check_nesting(html: &str) {
    let mut open: Vec<String> = Vec::new();
    let (mut ids, mut references) = (Vec::new(), Vec::new());
    for (name, attributes) in tags(html) {
        for (attribute, value) in attributes {
            match attribute.as_str() {
                "id" => ids.push(value),
                "aria-labelledby" => references.extend(value.split(' ').map(str::to_owned)),
                _ => {}
            }
        }
        if let Some(ended) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(ended), "in\n{html}");
        } else if !name.starts_with('!') && name != "meta" {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<String>::new());
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");
    assert!(references.iter().all(|reference| ids.contains(reference)), "{references:?} {ids:?}");
}

/// Checks every number of the page that says where it is in the JSON; gives how many there are.
fn check_numbers(html: &str) -> usize {
    let json = json_of(html);
    let mut count = 0;
    for (_, attributes) in tags(html) {
        let of = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let Some(key) = of("data-key") else { continue };
        let value: Value = serde_json::from_str(of("data-value").expect("a value")).expect("a number");
        assert!(value.is_number(), "{key}");
        assert_eq!(json.pointer(key), Some(&value), "{key}");
        count += 1;
    }
    count
}

#[test]
fn a_page_has_every_section_and_figure() {
    let html = whole("fc1.weight");
    check_nesting(&html);
    assert!(check_numbers(&html) > 60);
    for id in [
        "layers",
        "weights",
        "training",
        "classes",
        "frontier",
        "bytes",
        "repeat",
        "sizes",
        "weights-0",
        "codebook-0",
        "curve-loss",
        "curve-error",
        "curve-weights",
        "curve-components",
        "class-errors",
        "files",
        "parts",
    ] {
        assert!(html.contains(&format!("id=\"{id}\"")), "no {id}");
    }
    let figures = html.matches("role=\"img\"").count();
    assert_eq!((html.matches("</title>").count(), html.matches("</desc>").count()), (figures + 1, figures));
    assert!(!html.contains("NaN") && !html.contains("inf"), "a figure has a place that is none");
}

#[test]
fn nothing_is_fetched_and_no_script_runs() {
    let html = whole("net");
    assert!(html.contains("default-src 'none'"));
    for word in
        ["http:", "https:", "src=", "href=", "url(", "@import", "onclick", "javascript", "<link", "<img", "<iframe"]
    {
        assert!(!html.contains(word), "{word} in the page");
    }
    assert_eq!(html.matches("<script").count(), 1);
}

#[test]
fn what_is_not_known_is_left_out() {
    let known = outcome("net", 0, 1.0);
    let alone = Outcome {
        data: String::new(),
        float_error: f64::NAN,
        compressed_error: f64::NAN,
        seconds: f64::NAN,
        history: vec![],
        frontier: vec![],
        ..known
    };
    let of_file = Details { layers: vec![], classes: vec![], baseline: None, ..details("net", 0) };
    for (outcome, details) in [(&alone, Some(&of_file)), (&alone, None)] {
        let html = page(outcome, &PageOptions { details, ..PageOptions::default() });
        check_nesting(&html);
        check_numbers(&html);
        for word in ["NaN", "curve-", "class-errors", "Size against error", "zstd", "Test error"] {
            assert!(!html.contains(word), "{word} in\n{html}");
        }
        assert_eq!(html.contains("codebook-0"), details.is_some());
    }
    // Nobody trained for a single round, or read a class without samples.
    let empty = Details { classes: vec![ClassErrors { samples: 0, float_wrong: 0, compressed_wrong: 0 }], ..of_file };
    let html =
        page(&Outcome { layers: vec![], ..alone }, &PageOptions { details: Some(&empty), ..PageOptions::default() });
    check_nesting(&html);
    assert!(!html.contains("NaN") && !html.contains("inf"));
}

#[test]
fn other_programs_models_have_a_page_of_their_own() {
    let mut outcome: ModelOutcome = crate::model::tests::outcome();
    outcome.tensors[0].name = "<b>&\"'".to_owned();
    outcome.not_done.push("</script><script>".to_owned());
    let details = details("<w>", 0);
    let html = model_page(&outcome, &PageOptions { details: Some(&details), file: None, command: Some("a <b>") });
    check_nesting(&html);
    assert!(check_numbers(&html) > 40);
    for part in ["model.onnx: ", "4.571", "21.50 dB", "one axis", "a &lt;b&gt;", "id=\"parts\"", "rest of the file"] {
        assert!(html.contains(part), "no {part} in\n{html}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_names_stay_text(name in prop_oneof![
        "\\PC{0,24}",
        r#"[<>&"'/=a-z! -]{0,24}"#,
        Just("</script><script>alert(1)</script>".to_owned()),
        Just("</title></svg><img src=x onerror=alert(1)>".to_owned()),
        Just("<!-- --><![CDATA[ \u{202e}\u{1b}[31m".to_owned()),
    ]) {
        let html = whole(&name);
        check_nesting(&html);
        check_numbers(&html);
        let plain = whole("x");
        let names = |html: &str| tags(html).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        prop_assert_eq!(names(&html), names(&plain), "a name makes no element");
        let json = json_of(&html);
        prop_assert_eq!(json["network"].as_str(), Some(&*name));
        prop_assert_eq!(json["details"]["layers"][0]["name"].as_str(), Some(&*name));
        let shown = &html[..html.find("<script").unwrap()];
        prop_assert!(!shown.contains(['\u{202e}', '\u{1b}']), "a name turns or steers what is shown");
    }

    #[test]
    fn numbers_are_those_of_the_json(seed: u64, error in 0.0..100.0_f64, wrong in 0_usize..36) {
        let (outcome, details) = (outcome("net", seed, error), details("net", wrong));
        let html = page(&outcome, &PageOptions { details: Some(&details), ..PageOptions::default() });
        check_nesting(&html);
        prop_assert!(check_numbers(&html) > 60);
        let json = json_of(&html);
        let own: Value = serde_json::from_str(&crate::json(&outcome, None)).unwrap();
        for (key, value) in own.as_object().unwrap() {
            prop_assert_eq!(&json[key], value, "{}", key);
        }
        let back: Details = serde_json::from_value(json["details"].clone()).unwrap();
        prop_assert_eq!(back, details);
    }
}
