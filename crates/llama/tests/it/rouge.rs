//! How many words a summary shares with one that a person wrote: ROUGE, F1 in percent, without stemming.

use std::collections::HashMap;

/// Single words, pairs of words, and the longest common sequence of words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rouge {
    pub(crate) one: f64,
    pub(crate) two: f64,
    pub(crate) longest: f64,
}

impl Rouge {
    /// Compares with one summary.
    fn with(made: &str, reference: &str) -> Self {
        let (made, reference) = (words(made), words(reference));
        Self {
            one: shared(&made, &reference, 1),
            two: shared(&made, &reference, 2),
            longest: f1(longest(&made, &reference), made.len(), reference.len()),
        }
    }

    /// The mean over several summaries of the same.
    pub(crate) fn of(made: &str, references: &[String]) -> Self {
        let all: Vec<Self> =
            references.iter().map(|reference| Self::with(made, reference)).collect();
        Self::mean(&all)
    }

    pub(crate) fn mean(all: &[Self]) -> Self {
        let mean = |number: fn(&Self) -> f64| {
            all.iter().map(number).sum::<f64>() / float(all.len().max(1))
        };
        Self {
            one: mean(|all| all.one),
            two: mean(|all| all.two),
            longest: mean(|all| all.longest),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn shared(made: &[String], reference: &[String], length: usize) -> f64 {
    let count = |words: &[String]| {
        let mut counts: HashMap<Vec<String>, usize> = HashMap::new();
        for run in words.windows(length) {
            *counts.entry(run.to_vec()).or_default() += 1;
        }
        counts
    };
    let (made, reference) = (count(made), count(reference));
    let both = made.iter().map(|(run, count)| *count.min(reference.get(run).unwrap_or(&0))).sum();
    f1(both, made.values().sum(), reference.values().sum())
}

fn longest(made: &[String], reference: &[String]) -> usize {
    let mut row = vec![0; reference.len() + 1];
    for word in made {
        let mut diagonal = 0;
        for (at, other) in reference.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[reference.len()]
}

fn f1(shared: usize, made: usize, reference: usize) -> f64 {
    200.0 * float(shared) / float((made + reference).max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand words")]
fn float(count: usize) -> f64 {
    count as f64
}

#[test]
fn shared_words_are_counted_once_and_in_their_order() {
    let check = |made: &str, reference: &str, one: f64, two: f64, longest: f64| {
        let rouge = Rouge::with(made, reference);
        let near = |left: f64, right: f64| (left - right).abs() < 0.01;
        let is_near = near(rouge.one, one) && near(rouge.two, two) && near(rouge.longest, longest);
        assert!(is_near, "{made}: {rouge:?}");
    };
    check("The cat sat.", "the cat sat", 100.0, 100.0, 100.0);
    check("sat cat the", "the cat sat", 100.0, 0.0, 33.33);
    check("the the the the", "the cat", 33.33, 0.0, 33.33);
    check("a b x c d", "a b c d", 88.89, 57.14, 88.89);
    check("", "the cat", 0.0, 0.0, 0.0);
}
