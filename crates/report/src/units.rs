//! Numbers and names as people read them: thousands apart, bytes with a unit, seconds as minutes, nothing that steers a
//! terminal.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A count with its thousands apart: `266610` becomes `266,610`.
///
/// ```
/// assert_eq!(mixpress_report::grouped(266_610), "266,610");
/// assert_eq!(mixpress_report::grouped(42), "42");
/// ```
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size on disk, with a second, rounder reading from a million bytes on.
///
/// ```
/// assert_eq!(mixpress_report::size(2202), "2,202 bytes");
/// assert_eq!(mixpress_report::size(1_066_440), "1,066,440 bytes (1.1 MB)");
/// ```
#[must_use]
pub fn size(bytes: u64) -> String {
    let exact = grouped(bytes);
    let unit = if bytes == 1 { "byte" } else { "bytes" };
    let (divisor, name) = match bytes {
        0..1_000_000 => return format!("{exact} {unit}"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!("{exact} {unit} ({:.1} {name})", bytes as f64 / divisor)
}

/// A duration in the two largest units that matter: `0.8 s`, `42 s`, `3 min 05 s`, `2 h 10 min`.
///
/// ```
/// assert_eq!(mixpress_report::duration(34.4), "34 s");
/// assert_eq!(mixpress_report::duration(185.0), "3 min 05 s");
/// ```
#[must_use]
pub fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// How many times smaller one size is than another, or that it is not.
pub(crate) fn times_smaller(before: u64, after: u64, digits: usize) -> String {
    let ratio = before as f64 / after.max(1) as f64;
    match after.cmp(&before) {
        Ordering::Less => format!("{ratio:.digits$} times smaller"),
        Ordering::Equal => "as large as its source".to_owned(),
        Ordering::Greater => format!("larger than its source, by {}", size(after - before)),
    }
}

/// A text of somebody else on one line, with what would steer a terminal, or turn the direction of writing, shown as
/// `\u{1b}`.
///
/// ```
/// assert_eq!(mixpress_report::printable("red \x1b[31m\n"), "red \\u{1b}[31m\\n");
/// assert_eq!(mixpress_report::printable("größe.weight"), "größe.weight");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    // Marks and embeddings of the algorithm for texts in both directions (Unicode annex 9), and separators of lines.
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let steers = |c: char| c.is_control() || turns(c);
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// A share between 0 and 1 as a percentage with enough digits to tell small shares apart: `100 %`, `12.3 %`, `0.94 %`.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        _ if value == 0.0 || value == 100.0 => format!("{value:.0} %"),
        _ if value < 9.995 => format!("{value:.2} %"),
        _ if value < 99.95 => format!("{value:.1} %"),
        // 99.98 % is not everything, so it must not read 100.0 %.
        _ => format!("{:.2} %", value.min(99.99)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn grouping_only_adds_commas(count: u64) {
            let text = grouped(count);
            prop_assert_eq!(text.replace(',', ""), count.to_string());
            for group in text.split(',').skip(1) {
                prop_assert_eq!(group.len(), 3);
            }
            prop_assert!((1..=3).contains(&text.split(',').next().map_or(0, str::len)));
        }

        #[test]
        fn a_share_short_of_everything_never_reads_as_everything(share in 0.0..1.0f64) {
            prop_assert!(!percent(share).starts_with("100"), "{}", percent(share));
        }
    }

    #[test]
    fn names_do_not_steer_a_terminal() {
        for text in ["a\u{1b}[2Jb", "a\nb", "a\rb", "a\u{9b}b", "a\u{202e}b", "a\tb"] {
            let shown = printable(text);
            assert!(shown.starts_with("a\\") && shown.ends_with('b') && !shown.contains(char::is_control), "{shown}");
        }
        assert!(matches!(printable("encoder/层.0:weight \\ 'x'"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_file_that_is_not_smaller_says_so() {
        assert_eq!(times_smaller(400, 100, 2), "4.00 times smaller");
        assert_eq!(times_smaller(100, 100, 1), "as large as its source");
        assert_eq!(times_smaller(98, 100, 2), "larger than its source, by 2 bytes");
        assert_eq!(times_smaller(0, 0, 1), "as large as its source");
    }

    #[test]
    fn durations_carry_into_the_next_unit() {
        assert_eq!(duration(0.04), "0.0 s");
        assert_eq!(duration(9.96), "10 s");
        assert_eq!(duration(59.6), "1 min 00 s");
        assert_eq!(duration(3599.6), "1 h 00 min");
        assert_eq!(duration(7800.0), "2 h 10 min");
    }

    #[test]
    fn sizes_name_a_single_byte_and_large_files() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(44_800_000), "44,800,000 bytes (44.8 MB)");
        assert_eq!(size(2_500_000_000), "2,500,000,000 bytes (2.5 GB)");
    }
}
