//! How fast text gets through, beside a yardstick and the published floor, in the same run.

use std::hint::black_box;

use modelstat_redact::{internals, redact};

use crate::clock::{Work, float, rates};
use crate::corpus::Crates;
use crate::{corpus, peer};

/// A row of the table.
struct Row {
    name: &'static str,
    texts: Vec<String>,
}

/// Prints gigabytes a second of processor time, and the ratios.
pub(crate) fn report() {
    let yardstick = |text: &str| {
        black_box(memchr::memchr(0, text.as_bytes()));
    };
    let ours = |text: &str| {
        black_box(redact(text));
    };
    let sse2 = |text: &str| {
        black_box(internals::redact_sse2(text));
    };
    let scalar = |text: &str| {
        black_box(internals::redact_scalar(text));
    };
    let peer = |text: &str| {
        black_box(published::redact(text));
    };
    let works: [Work<'_>; 5] = [&yardstick, &ours, &sse2, &scalar, &peer];
    println!("\n## Speed, GB/s of one core\n");
    println!(
        "Processor time of the thread, median of 5 rounds in which all take turns. \"Clean\" is"
    );
    println!("text of 20-line blocks in which neither redactor finds anything.");
    println!(
        "\"Beyond ASCII\" is the share of such bytes: the peer is many times slower on text with any.\n"
    );
    println!(
        "| text | beyond ASCII | memchr | ours | sse2 | scalar | peer | ours / peer | ours / memchr |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in rows() {
        let [memchr, ours, sse2, scalar, peer] = rates(&row.texts, &works)[..] else { continue };
        println!(
            "| {}{} | {:.2} % | {memchr:.1} | {ours:.3} | {sse2:.3} | {scalar:.3} | {peer:.4} | {:.1} | {:.3} |",
            row.name,
            findings(&row.texts),
            beyond_ascii(&row.texts),
            ours / peer,
            ours / memchr,
        );
    }
}

fn rows() -> Vec<Row> {
    let clean = |sources: Option<corpus::Sources>| {
        sources.map(|sources| sources.clean()).unwrap_or_default()
    };
    let chat = corpus::clean_chat();
    let documents = clean(corpus::dependencies(Crates::Written, "md"));
    let rust = clean(corpus::dependencies(Crates::Written, "rs"));
    let python = clean(corpus::python_library());
    let mixed = corpus::mixed(&[chat.clone(), documents.clone(), rust.clone(), python.clone()]);
    let small = corpus::four_kilobytes(&mixed);
    let ascii: Vec<String> = small.iter().filter(|text| text.is_ascii()).cloned().collect();
    let one = |blocks: &[String]| vec![blocks.concat()];
    let rows = vec![
        Row { name: "mixed chat, documents and code, 1 MB, clean", texts: one(&mixed) },
        Row { name: "the same in texts of 4 KB", texts: small },
        Row { name: "those of them that are ASCII only", texts: ascii },
        Row {
            name: "the mixed megabyte with one secret per KB",
            texts: vec![corpus::with_secrets(&mixed)],
        },
        Row { name: "made-up chat, 1 MB, clean", texts: one(&chat) },
        Row { name: "documents, 1 MB, clean", texts: one(&documents) },
        Row { name: "Rust sources, 1 MB, clean", texts: one(&rust) },
        Row { name: "Python sources, 1 MB, clean", texts: one(&python) },
    ];
    let (there, missing): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.texts.iter().any(|text| !text.is_empty()));
    for row in missing {
        println!("| {} | skipped: no such sources on this machine | | | | | | | |", row.name);
    }
    there
}

/// What is found in a row after all, as blocks that are clean alone may not be clean together.
fn findings(texts: &[String]) -> String {
    let ours: usize = texts.iter().map(|text| redact(text).findings.len()).sum();
    let dirty = texts.iter().filter(|text| !peer::is_clean(text)).count();
    if ours == 0 && dirty == 0 {
        return String::new();
    }
    format!(" ({ours} findings of ours)")
}

/// The percentage of bytes that are part of a letter beyond ASCII.
fn beyond_ascii(texts: &[String]) -> f64 {
    let bytes: usize = texts.iter().map(String::len).sum();
    let beyond: usize =
        texts.iter().map(|text| text.bytes().filter(|byte| !byte.is_ascii()).count()).sum();
    100.0 * float(beyond) / float(bytes.max(1))
}
