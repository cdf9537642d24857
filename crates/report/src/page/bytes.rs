//! Where the file's bytes go, down to its header.

use maud::{Markup, html};
use mixpress_compress::{Details, FileBytes, TensorParts};

use super::figure::{Figure, WIDTH, area_sample, joined, shortened};
use super::keyed::{bytes, bytes_text, share};
use super::scale::Scale;
use super::table;
use crate::printable;

/// Rows of the drawing; the smaller tensors share the last one.
const MOST_ROWS: usize = 14;

/// The parts of a row, and the classes that they are drawn in.
const PARTS: [(&str, &str); 5] =
    [("codebook", "f4"), ("positions", "f0"), ("signs", "f2"), ("magnitudes or values", "f1"), ("the rest", "f5")];

/// A row of the drawing.
struct Row {
    name: String,
    parts: [f64; 5],
}

impl Row {
    fn of(tensor: &TensorParts) -> Self {
        let TensorParts { codebook, positions, signs, magnitudes, .. } = *tensor;
        Self { name: shortened(&tensor.name, 30), parts: [codebook, positions, signs, magnitudes, 0.0] }
    }

    fn total(&self) -> f64 {
        self.parts.iter().sum()
    }
}

/// The section; nothing where no sizes are known.
pub(super) fn markup(details: Option<&Details>) -> Markup {
    let Some(file) = details.map(|details| &details.file).filter(|file| file.total > 0.0) else { return html! {} };
    html! {
        section aria-labelledby="bytes" {
            h2 id="bytes" { "Where the bytes go" }
            p { "Every byte of the file, from its first three to its checksum. Parts of the arithmetic-coded stream are fractions of bytes." }
            (drawn(file))
            (whole(file))
            (tensors(file))
        }
    }
}

/// What belongs to no tensor: names, JSON keys, bytes.
fn rest(file: &FileBytes) -> [(&'static str, &'static str, f64); 8] {
    [
        ("magic bytes and version", "magic", file.magic),
        ("table of sections", "sections", file.sections),
        ("names, shapes, types", "structure", file.structure),
        ("definition of the model", "definition", file.definition),
        ("recipe, seed, errors", "metadata", file.metadata),
        ("flags of live units", "flags", file.flags),
        ("end of the stream", "stream_end", file.stream_end),
        ("checksums", "checksums", file.checksums),
    ]
}

fn in_tensors(file: &FileBytes) -> f64 {
    file.tensors.iter().map(TensorParts::total).sum()
}

fn drawn(file: &FileBytes) -> Markup {
    let mut rows: Vec<Row> = file.tensors.iter().map(Row::of).collect();
    if rows.len() > MOST_ROWS {
        rows.sort_by(|a, b| b.total().total_cmp(&a.total()));
        let others = rows.split_off(MOST_ROWS - 1);
        let mut parts = [0.0; 5];
        for other in &others {
            parts.iter_mut().zip(other.parts).for_each(|(sum, part)| *sum += part);
        }
        rows.push(Row { name: format!("{} smaller tensors", others.len()), parts });
    }
    let of_rest = rest(file).iter().map(|part| part.2).sum();
    rows.push(Row { name: "rest of the file".to_owned(), parts: [0.0, 0.0, 0.0, 0.0, of_rest] });
    let most = rows.iter().map(Row::total).fold(0.0, f64::max);
    let scale = Scale::linear(0.0, most, (0.0, WIDTH - 8.0));
    let body = rows.iter().enumerate().map(|(at, row)| {
        let y = 40.0 * at as f64;
        let mut x = 4.0;
        html! {
            text x="4" y=(y + 15.0) { (row.name) }
            text class="note end" x=(WIDTH - 4.0) y=(y + 15.0) {
                (bytes_text(row.total())) " bytes, " (share(row.total(), file.total))
            }
            rect class="track" x="4" y=(y + 21.0) width=(WIDTH - 8.0) height="12" {}
            @for (part, (_, class)) in row.parts.iter().zip(PARTS) {
                @let width = scale.at(*part);
                @if width > 0.05 {
                    rect class=(format!("part {class}")) x=(format!("{x:.1}")) y=(y + 21.0) width=(format!("{width:.1}")) height="12" {}
                    @let () = x += width;
                }
            }
        }
    });
    let longest = rows.iter().max_by(|a, b| a.total().total_cmp(&b.total()));
    let description = longest.map_or(String::new(), |row| {
        format!(
            "{} bars; the longest is {} with {} of {} bytes.",
            rows.len(),
            row.name,
            bytes_text(row.total()),
            bytes_text(file.total)
        )
    });
    let legend = PARTS.iter().map(|(name, class)| (area_sample(class), (*name).to_owned())).collect();
    let height = 40.0 * rows.len() as f64;
    Figure {
        id: "parts",
        title: "Bytes of the file, tensor by tensor",
        description: &description,
        height,
        legend,
        body: joined(body),
    }
    .markup()
}

/// The parts of the file, tensors together.
fn whole(file: &FileBytes) -> Markup {
    let row = |name: &str, cell: Markup, value: f64| {
        html! { tr { th scope="row" { (name) } td { (cell) } td { (share(value, file.total)) } } }
    };
    let of = |(name, key, value): (&str, &str, f64)| row(name, bytes(&format!("/details/file/{key}"), value), value);
    let parts = rest(file);
    let (before, after) = parts.split_at(6);
    let contents = html! {
        thead { tr { th scope="col" { "part" } th scope="col" { "bytes" } th scope="col" { "share of the file" } } }
        tbody {
            @for part in before { (of(*part)) }
            (row("tensors", html! { (bytes_text(in_tensors(file))) }, in_tensors(file)))
            @for part in after { (of(*part)) }
        }
        tfoot { tr {
            th scope="row" { "whole file" } td { (bytes("/details/file/total", file.total)) } td { (share(file.total, file.total)) }
        } }
    };
    table("Parts of the file", &contents)
}

/// The parts of each tensor.
fn tensors(file: &FileBytes) -> Markup {
    let contents = html! {
        thead { tr {
            th scope="col" { "tensor" } th scope="col" { "codebook" } th scope="col" { "positions" }
            th scope="col" { "signs" } th scope="col" { "magnitudes or values" } th scope="col" { "all" }
        } }
        tbody { @for (at, tensor) in file.tensors.iter().enumerate() {
            @let key = |field: &str| format!("/details/file/tensors/{at}/{field}");
            tr {
                th scope="row" { (printable(&tensor.name)) }
                td { (bytes(&key("codebook"), tensor.codebook)) } td { (bytes(&key("positions"), tensor.positions)) }
                td { (bytes(&key("signs"), tensor.signs)) } td { (bytes(&key("magnitudes"), tensor.magnitudes)) }
                td { (bytes_text(tensor.total())) }
            }
        } }
    };
    table("Bytes of the tensors, part by part", &contents)
}
