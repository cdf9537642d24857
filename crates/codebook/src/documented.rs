//! The tables of `docs/format.md` and `docs/format/decode.py` are those of the code.

use std::{fs, path::Path};

use crate::{
    geometry::Arrangement,
    names::NAMES,
    primer::PRIMER,
    trellis::Trellis,
    tuning::{Tuning, tuning},
};

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// What stands between two marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let start = text.find(begin).unwrap() + begin.len();
    &text[start..start + text[start..].find(end).unwrap()]
}

/// The constants of an arrangement by name, as they are written.
fn constants(t: &Tuning) -> [(&'static str, String); 10] {
    [
        ("position", format!("{:?}", t.position)),
        ("position_rate", t.position_rate.to_string()),
        ("strength", format!("{:?}", t.strength)),
        ("trust", t.trust.to_string()),
        ("sign", format!("{:?}", t.sign)),
        ("sign_rate", t.sign_rate.to_string()),
        ("vote", format!("{:?}", t.vote)),
        ("magnitude", format!("{:?}", t.magnitude)),
        ("magnitude_rate", t.magnitude_rate.to_string()),
        ("magnitude_strength", t.magnitude_strength.to_string()),
    ]
}

#[test]
fn known_names_are_documented() {
    let text = document("format.md");
    let list = between(&text, "<!-- names-begin -->", "<!-- names-end -->");
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    assert_eq!(names, NAMES);
}

/// The primer, one text a line: the number of its kind, and the text with escapes that Python, JSON and people understand.
fn primer_lines() -> Vec<String> {
    let escaped = |text: &str| -> String {
        text.chars()
            .map(|c| match c {
                '\n' => "\\n".to_owned(),
                '"' => "\\\"".to_owned(),
                c if c < ' ' => format!("\\u{:04x}", c as u32),
                c => c.to_string(),
            })
            .collect()
    };
    PRIMER.iter().map(|&(kind, text)| format!("{}, \"{}\"", kind as u8, escaped(text))).collect()
}

#[test]
fn the_primer_is_documented() {
    let (text, program) = (document("format.md"), document("format/decode.py"));
    let lines = primer_lines();
    let listed: Vec<&str> =
        between(&text, "<!-- primer-begin -->\n```\n", "```\n<!-- primer-end -->").lines().collect();
    assert_eq!(listed, lines);
    let program = between(&program, "# primer-begin\n", "    # primer-end");
    let listed: Vec<&str> =
        program.lines().map(|line| line.trim().trim_start_matches('(').trim_end_matches("),")).collect();
    assert_eq!(listed, lines);
}

#[test]
fn constants_are_documented() {
    let (text, program) = (document("format.md"), document("format/decode.py"));
    let table = between(&text, "<!-- tuning-begin -->", "<!-- tuning-end -->");
    let program = between(&program, "# tuning-begin", "# tuning-end");
    let kinds = [
        ("LOOSE", Arrangement::Loose),
        ("IMAGE", Arrangement::Image),
        ("KERNEL", Arrangement::Kernel),
        ("BLOCK", Arrangement::Block),
    ];
    for (column, (name, kind)) in kinds.into_iter().enumerate() {
        let part = between(program, &format!("{name}: {{"), "}");
        for (field, value) in constants(tuning(kind)) {
            let line = table.lines().find(|line| line.starts_with(&format!("| {field} |"))).unwrap();
            let cell = line.split('|').nth(2 + column).unwrap().trim();
            assert_eq!(cell, value, "{field} of {name} in format.md");
            assert!(part.contains(&format!("\"{field}\": {value},")), "{field} of {name} in decode.py");
        }
    }
}

#[test]
fn trellises_are_documented() {
    let (text, program) = (document("format.md"), document("format/decode.py"));
    let table = between(&text, "<!-- trellis-begin -->", "<!-- trellis-end -->");
    let program = between(&program, "# trellis-begin", "# trellis-end");
    for states in [4, 8, 16, 32, 64, 128, 256] {
        let [high, odd] = Trellis::new(states).unwrap().constants();
        assert!(table.contains(&format!("| {states} | {high} | {odd} |")), "{states} states in format.md");
        assert!(program.contains(&format!(" {states}: ({high}, {odd}),")), "{states} states in decode.py");
    }
}
