//! What is found in clean sources and clean chat: each hit there is a false alarm, or a specimen in a test.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use modelstat_redact::{Class, Finding, redact};

use crate::clock::float;
use crate::corpus::{self, Crates, Sources};
use crate::{chat, peer};

/// Longest shape of a value that is shown.
const SHAPE_LENGTH: usize = 24;

/// How much chat the share of touched words is measured on.
const CHAT_BYTES: usize = 4_000_000;

/// Hits of one corpus.
#[derive(Default)]
struct Tally {
    bytes: usize,
    secrets: usize,
    personal: usize,
    rules: BTreeMap<&'static str, usize>,
    peer_rules: BTreeMap<String, usize>,
}

/// Where every single hit is written for triage.
type Triage = Option<BufWriter<File>>;

/// Prints the hits per megabyte of each corpus, and writes each hit to the file for triage.
pub(crate) fn report(triage: Option<&Path>) -> std::io::Result<()> {
    let mut triage: Triage = triage.map(File::create).transpose()?.map(BufWriter::new);
    println!("\n## Hits on clean source, per MB\n");
    println!(
        "Each file is one text. Hits are upper bounds of false alarms: some are real addresses"
    );
    println!("of authors or specimens in tests.\n");
    println!("| corpus | MB | secret, ours | peer | personal, ours | peer |");
    println!("|---|---|---|---|---|---|");
    let mut tallies = Vec::new();
    for (what, sources) in [
        ("Rust's library", corpus::rust_library()),
        ("Python's library", corpus::python_library()),
        ("the crates of Cargo.lock", corpus::dependencies(Crates::Written, "rs")),
        ("the crates of bindings", corpus::dependencies(Crates::Bindings, "rs")),
    ] {
        let Some(sources) = sources else {
            println!("| {what} | skipped: its sources are not on this machine | | | | |");
            continue;
        };
        let tally = count(&sources, &mut triage)?;
        print_row(&sources.name, &tally);
        tallies.push((sources.name.clone(), tally));
    }
    for (name, tally) in &tallies {
        print_rules(name, tally);
    }
    if let Some(mut triage) = triage {
        triage.flush()?;
    }
    Ok(())
}

/// Prints the share of the words of chat and documents that a redactor touches.
pub(crate) fn report_touched_words() {
    println!("\n## Share of words touched\n");
    println!("| text | words | touched | share |");
    println!("|---|---|---|---|");
    let chat = chat::generate(CHAT_BYTES);
    let (touched, words) = touched_words(&chat);
    print_share("made-up chat", touched, words);
    let mut documents = (0, 0);
    for (_, text) in corpus::own("md")
        .texts()
        .chain(corpus::dependencies(Crates::Written, "md").iter().flat_map(Sources::texts))
    {
        let (touched, words) = touched_words(&text);
        documents = (documents.0 + touched, documents.1 + words);
    }
    print_share("documents of this workspace and its crates", documents.0, documents.1);
}

/// The value's outline, which tells a person what it is without telling it: `Aa9-aaa`.
pub(crate) fn shape(value: &str) -> String {
    let outline = |letter: char| match letter {
        '0'..='9' => '9',
        _ if letter.is_uppercase() => 'A',
        _ if letter.is_alphabetic() => 'a',
        _ if letter.is_control() => ' ',
        _ => letter,
    };
    value.chars().take(SHAPE_LENGTH).map(outline).collect()
}

fn count(sources: &Sources, triage: &mut Triage) -> std::io::Result<Tally> {
    let mut tally = Tally::default();
    for (file, text) in sources.texts() {
        tally.bytes += text.len();
        let redacted = redact(&text);
        for finding in &redacted.findings {
            let is_secret = finding.rule.class() == Class::Secret;
            let class = if is_secret { &mut tally.secrets } else { &mut tally.personal };
            *class += 1;
            *tally.rules.entry(finding.rule.name()).or_default() += 1;
            if let Some(triage) = triage {
                write_hit(triage, &file, &text, finding)?;
            }
        }
        for hidden in peer::hidden(&text).into_iter().flatten() {
            *tally.peer_rules.entry(hidden.rule).or_default() += 1;
        }
    }
    Ok(tally)
}

fn write_hit(
    triage: &mut BufWriter<File>,
    file: &str,
    text: &str,
    finding: &Finding,
) -> std::io::Result<()> {
    let before = text.get(..finding.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let value = text.get(finding.start..finding.end).unwrap_or_default();
    writeln!(triage, "{}\t{file}:{line}\t{}", finding.rule.name(), shape(value))
}

fn print_row(name: &str, tally: &Tally) {
    let is_personal = |rule: &str| matches!(rule, "email" | "path");
    let of_peer = |wanted: bool| -> usize {
        tally
            .peer_rules
            .iter()
            .filter(|(rule, _)| is_personal(rule) == wanted)
            .map(|(_, n)| n)
            .sum()
    };
    let rate = |hits: usize| float(hits) / (float(tally.bytes) / 1e6);
    println!(
        "| {name} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} |",
        float(tally.bytes) / 1e6,
        rate(tally.secrets),
        rate(of_peer(false)),
        rate(tally.personal),
        rate(of_peer(true)),
    );
}

fn print_rules(name: &str, tally: &Tally) {
    let list = |rules: Vec<(&str, usize)>| {
        let mut rules = rules;
        rules.sort_by_key(|&(rule, hits)| (std::cmp::Reverse(hits), rule));
        let each: Vec<String> = rules.iter().map(|(rule, hits)| format!("{rule} {hits}")).collect();
        if each.is_empty() { "none".to_owned() } else { each.join(", ") }
    };
    let ours = list(tally.rules.iter().map(|(rule, hits)| (*rule, *hits)).collect());
    let peers = list(tally.peer_rules.iter().map(|(rule, hits)| (rule.as_str(), *hits)).collect());
    println!("\n{name}: ours by rule: {ours}; the peer's: {peers}.");
}

/// How many words a finding touches, and how many there are.
fn touched_words(text: &str) -> (usize, usize) {
    let redacted = redact(text);
    let mut findings = redacted.findings.iter().peekable();
    let (mut touched, mut words) = (0, 0);
    for word in text.split_whitespace() {
        words += 1;
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        while findings.next_if(|finding| finding.end <= start).is_some() {}
        touched += usize::from(findings.peek().is_some_and(|next| next.start < start + word.len()));
    }
    (touched, words)
}

fn print_share(text: &str, touched: usize, words: usize) {
    let share = 100.0 * float(touched) / float(words.max(1));
    println!("| {text} | {words} | {touched} | {share:.4} % |");
}
