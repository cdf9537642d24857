//! The files that a search made, and whether the chosen one keeps the budget.

use mixpress_compress::{Budget, Judgement, Outcome};

use crate::table::{align_numbers, plain};
use crate::units::{grouped, size};

/// The files of a search, and whether the chosen one keeps the budget; nothing for a fixed recipe.
pub(crate) fn files_of_search(outcome: &Outcome) -> String {
    if outcome.judgement.is_none() {
        return String::new();
    }
    let mut table = plain(&["", "bytes", "smaller", "strength", "validation error", "increase", "bound"]);
    for point in &outcome.frontier {
        table.add_row([
            if point.is_chosen { "chosen" } else { "" }.to_owned(),
            grouped(point.file_bytes),
            format!("{:.1} times", point.ratio),
            format!("{:.4}", point.strength),
            format!("{:.2} %", point.validation_error),
            format!("{:+.2} points", point.increase),
            format!("{:.2}", point.bound),
        ]);
    }
    align_numbers(&mut table, 1..7);
    format!("{}\n\nbudget: {}\n\n", table.trim_fmt(), verdict_of_search(outcome).unwrap_or_default())
}

/// Whether the file that a search chose keeps the budget, in words; `None` for a run of a fixed recipe.
pub(crate) fn verdict_of_search(outcome: &Outcome) -> Option<String> {
    let Judgement { budget, samples, is_complete, .. } = outcome.judgement?;
    let ended = if is_complete { "" } else { "; the search ended with its time, before it was complete" };
    let point = outcome.frontier.iter().find(|point| point.is_chosen)?;
    let (what, bound) = match budget {
        Budget::ErrorIncrease(points) => {
            (format!("at most {points:+.2} points of error"), format!("{:+.2} points", point.bound))
        }
        Budget::Error(percent) => (format!("at most {percent:.2} % of error"), format!("{:.2} %", point.bound)),
        Budget::Bytes(bytes) if point.is_within => return Some(format!("at most {}: kept{ended}", size(bytes))),
        Budget::Bytes(bytes) => {
            return Some(format!("at most {}: NOT KEPT by the smallest file found{ended}", size(bytes)));
        }
    };
    let samples = if samples == 1 {
        "1 held-out sample bounds".into()
    } else {
        format!("{} held-out samples bound", grouped(samples as u64))
    };
    let shown = format!("{samples} it at {bound}, with 95 % confidence for one file");
    Some(if point.is_within {
        format!("{what}: kept; {shown}{ended}")
    } else {
        format!("{what}: NOT SHOWN TO BE KEPT; {shown}. This is the largest of the files found{ended}")
    })
}

#[cfg(test)]
mod tests {
    use mixpress_compress::FrontierPoint;

    use super::*;
    use crate::table::table;
    use crate::table::tests::example;

    #[test]
    fn a_search_lists_its_files_and_says_whether_the_budget_is_kept() {
        let point = |file_bytes, bound, is_chosen| FrontierPoint {
            file_bytes,
            ratio: 940_800.0 / file_bytes as f64,
            strength: 0.1,
            validation_error: 1.94,
            increase: 0.1,
            bound,
            is_within: bound <= 0.2,
            is_optimal: true,
            is_chosen,
        };
        let said = |budget, bound| {
            let frontier = vec![point(3000, 0.05, false), point(2202, bound, true)];
            table(&Outcome {
                frontier,
                judgement: Some(Judgement { budget, samples: 10_000, is_kept: true, is_complete: true }),
                ..example()
            })
        };
        let kept = said(Budget::ErrorIncrease(0.2), 0.19);
        assert!(
            kept.contains("at most +0.20 points of error: kept; 10,000 held-out samples bound it at +0.19 points"),
            "{kept}"
        );
        assert!(kept.contains("chosen  2,202") && kept.contains("3,000"), "{kept}");
        assert!(said(Budget::ErrorIncrease(0.2), 0.3).contains("NOT SHOWN TO BE KEPT"));
        assert!(said(Budget::Error(2.0), 0.1).contains("at most 2.00 % of error: kept"));
        assert!(said(Budget::Bytes(2500), 0.1).contains("at most 2,500 bytes: kept"));
        assert!(!table(&example()).contains("budget"));
    }
}
