//! What a comparison of a file with its source comes to, in a sentence.

use mixpress_compress::{ModelOutcome, TensorOutcome};

use crate::units::printable;

/// A tensor with less than this, in dB, is no compressed form of its source: zeros in its place have 0 dB. The rest is
/// for rounding.
const LEAST_DB: f64 = -0.05;

/// Whether a tensor of the file is farther from the source's than zeros would be. A compression of that source does not
/// do this: the file was made of other weights.
#[must_use]
pub fn is_hardly_the_source(outcome: &ModelOutcome) -> bool {
    strangers(outcome).next().is_some()
}

/// What a comparison that ended well comes to ([`ModelOutcome::of_file`]): checksums hold, what is exact, and how far
/// the rest is from the source; or that the file is hardly made of that source. One line, with its line break.
#[must_use]
pub fn verdict(outcome: &ModelOutcome) -> String {
    let count = strangers(outcome).count();
    if let Some(first) = strangers(outcome).next() {
        let (of, name, ratio) = (tensors(count), printable(&first.name), first.snr_db);
        let farther = format!("of {of} the file is farther from it than zeros would be, of {name} at {ratio:.1} dB");
        return format!("all checksums hold, but this is hardly the source: {farther}\n");
    }
    let mut parts = vec!["all checksums hold".to_owned()];
    let (exact, others): (Vec<_>, Vec<_>) = outcome.tensors.iter().partition(|tensor| !tensor.snr_db.is_finite());
    if !exact.is_empty() {
        let are = if exact.len() == 1 { "is" } else { "are" };
        parts.push(format!("{} {are} the source's, bit for bit", tensors(exact.len())));
    }
    if !others.is_empty() {
        let least = others.iter().map(|tensor| tensor.snr_db).fold(f64::INFINITY, f64::min);
        let have = if others.len() == 1 { "has" } else { "have" };
        parts.push(format!("{} {have} at least {least:.1} dB of signal over noise", tensors(others.len())));
    }
    parts.join("; ") + "\n"
}

fn strangers(outcome: &ModelOutcome) -> impl Iterator<Item = &TensorOutcome> {
    outcome.tensors.iter().filter(|tensor| tensor.is_compressed() && tensor.snr_db < LEAST_DB)
}

fn tensors(count: usize) -> String {
    if count == 1 { "1 tensor".to_owned() } else { format!("{count} tensors") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::outcome;

    #[test]
    fn a_verdict_tells_what_is_exact_and_the_least_ratio() {
        let outcome = outcome();
        assert!(!is_hardly_the_source(&outcome));
        assert_eq!(
            verdict(&outcome),
            "all checksums hold; 1 tensor is the source's, bit for bit; 7 tensors have at least 20.0 dB of signal over noise\n"
        );
    }

    #[test]
    fn other_weights_are_hardly_the_source() {
        let mut outcome = outcome();
        // Zeros in place of weights may be all that a low rate leaves.
        outcome.tensors[1].snr_db = 0.0;
        assert!(!is_hardly_the_source(&outcome));
        outcome.tensors[2].snr_db = -3.01;
        outcome.tensors[2].name = "b\nad".into();
        outcome.tensors[3].snr_db = f64::NEG_INFINITY;
        assert!(is_hardly_the_source(&outcome));
        let text = verdict(&outcome);
        assert!(text.contains("hardly the source: of 2 tensors") && text.contains("of b\\nad at -3.0 dB"), "{text}");
        assert!(!text.contains("bit for bit"), "{text}");
    }
}
