//! Recall on labelled cases: is the secret string gone from the output, and are the counter-examples kept?

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use modelstat_redact::redact;
use serde_json::Value;

use crate::clock::float;
use crate::peer;

/// How many rules with the lowest recall are printed.
const WORST_RULES: usize = 40;

/// A labelled text.
pub(crate) struct Case {
    rule: String,
    /// What the redactors get.
    pub(crate) text: String,
    secret: String,
    is_positive: bool,
}

/// What became of the cases of one rule or of a family of rules.
#[derive(Clone, Copy, Default)]
struct Score {
    positives: usize,
    hidden: usize,
    hidden_by_peer: usize,
    negatives: usize,
    touched: usize,
    touched_by_peer: usize,
}

/// Reads JSON lines of `{"rule", "text", "secret", "positive"}`, packed with gzip if the name ends so.
pub(crate) fn read(file: &Path) -> io::Result<Vec<Case>> {
    let opened = File::open(file)?;
    let is_packed = file.extension().is_some_and(|ending| ending == "gz");
    let reader: Box<dyn Read> =
        if is_packed { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) };
    let mut cases = Vec::new();
    for line in BufReader::new(reader).lines() {
        let line = line?;
        if !line.trim().is_empty() {
            cases.push(case(&serde_json::from_str(&line)?));
        }
    }
    Ok(cases)
}

/// Prints the scores, and writes the missed cases to a file.
pub(crate) fn report(cases: &[Case], misses: Option<&Path>) -> io::Result<()> {
    let mut misses = misses.map(File::create).transpose()?.map(BufWriter::new);
    let mut rules: BTreeMap<&str, Score> = BTreeMap::new();
    let mut families: BTreeMap<&str, Score> = BTreeMap::new();
    let mut total = Score::default();
    let (mut unstable, mut without_secret) = (0, 0);
    for case in cases {
        let redacted = redact(&case.text);
        if redact(&redacted.text).text != redacted.text {
            unstable += 1;
        }
        if case.is_positive && (case.secret.is_empty() || !case.text.contains(&case.secret)) {
            without_secret += 1;
            continue;
        }
        let score = score(case, &redacted.text);
        let family = case.rule.split(['.', '-', '_']).next().unwrap_or_default();
        total.add(score);
        rules.entry(case.rule.as_str()).or_default().add(score);
        families.entry(family).or_default().add(score);
        if let Some(misses) = &mut misses
            && (score.hidden < score.positives || score.touched > 0)
        {
            let (rule, text, secret) = (&case.rule, &case.text, &case.secret);
            let record = serde_json::json!({"rule": rule, "text": text, "secret": secret,
                "positive": case.is_positive, "output": redacted.text});
            writeln!(misses, "{record}")?;
        }
    }
    print_scores(&total, &families, &rules);
    println!("\nA second pass changed {unstable} of {} outputs.", cases.len());
    if without_secret > 0 {
        println!(
            "{without_secret} positive cases name no secret that stands in their text: left out."
        );
    }
    misses.map_or(Ok(()), |mut misses| misses.flush())
}

fn case(value: &Value) -> Case {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Case {
        rule: text("rule"),
        text: text("text"),
        secret: text("secret"),
        is_positive: value["positive"].as_bool().unwrap_or(true),
    }
}

fn score(case: &Case, output: &str) -> Score {
    let by_peer = peer::redact(&case.text);
    if !case.is_positive {
        return Score {
            negatives: 1,
            touched: usize::from(output != case.text),
            touched_by_peer: usize::from(by_peer != case.text),
            ..Score::default()
        };
    }
    Score {
        positives: 1,
        hidden: usize::from(!output.contains(&case.secret)),
        hidden_by_peer: usize::from(!by_peer.contains(&case.secret)),
        ..Score::default()
    }
}

impl Score {
    fn add(&mut self, other: Score) {
        self.positives += other.positives;
        self.hidden += other.hidden;
        self.hidden_by_peer += other.hidden_by_peer;
        self.negatives += other.negatives;
        self.touched += other.touched;
        self.touched_by_peer += other.touched_by_peer;
    }

    fn recall(&self) -> f64 {
        percent(self.hidden, self.positives)
    }
}

fn print_scores(total: &Score, families: &BTreeMap<&str, Score>, rules: &BTreeMap<&str, Score>) {
    println!("\n## Recall on the cases\n");
    println!("Strict: the secret string is gone from the output.\n");
    println!("| rules | positives | recall, ours | peer | negatives | touched, ours | peer |");
    println!("|---|---|---|---|---|---|---|");
    print_score("all", total);
    for (family, score) in families {
        print_score(family, score);
    }
    let counted: Vec<_> = rules.iter().filter(|(_, score)| score.positives > 0).collect();
    let mean =
        counted.iter().map(|(_, score)| score.recall()).sum::<f64>() / float(counted.len().max(1));
    let seen = counted.iter().filter(|(_, score)| score.hidden > 0).count();
    println!("\nMean recall of {} rules: {mean:.1} %; {seen} have a hit.", counted.len());
    let mut worst = counted;
    worst.retain(|(_, score)| score.hidden < score.positives);
    worst.sort_by_key(|(_, score)| std::cmp::Reverse(score.positives - score.hidden));
    println!(
        "\nRules with the most misses:\n\n| rule | positives | missed | recall |\n|---|---|---|---|"
    );
    for (rule, score) in worst.iter().take(WORST_RULES) {
        let missed = score.positives - score.hidden;
        println!("| {rule} | {} | {missed} | {:.1} % |", score.positives, score.recall());
    }
}

fn print_score(name: &str, score: &Score) {
    println!(
        "| {name} | {} | {:.1} % | {:.1} % | {} | {} | {} |",
        score.positives,
        score.recall(),
        percent(score.hidden_by_peer, score.positives),
        score.negatives,
        score.touched,
        score.touched_by_peer,
    );
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * float(part) / float(whole.max(1))
}
