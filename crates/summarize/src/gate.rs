//! Refuses output that gives its input away.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use modelstat_redact::Floor;

/// Longest run of words that an output may share with its input: a name of something, no sentence.
pub const MAX_VERBATIM_WORDS: usize = 5;

/// Why an output was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeakError {
    /// A run of words stands in the input too.
    #[error("the output repeats more than {MAX_VERBATIM_WORDS} words of its input")]
    Verbatim,
    /// The floor finds something.
    #[error("the output holds what the floor hides")]
    Finding,
}

/// Checks an output against the texts that it was made of, and with the floor that they passed. Linear
/// in all.
pub fn check_leak<'a>(
    output: &str,
    inputs: impl IntoIterator<Item = &'a str>,
    floor: &Floor,
) -> Result<(), LeakError> {
    if !floor.redact(output).is_clean() {
        return Err(LeakError::Finding);
    }
    let runs: HashSet<Run> = runs_of(output).collect();
    if runs.is_empty() {
        return Ok(());
    }
    let repeats = inputs.into_iter().any(|input| runs_of(input).any(|run| runs.contains(&run)));
    if repeats { Err(LeakError::Verbatim) } else { Ok(()) }
}

/// One word more than may be shared, each by its hash: texts are long, and a false match costs words only.
type Run = [u64; MAX_VERBATIM_WORDS + 1];

/// Every run of a text.
fn runs_of(text: &str) -> impl Iterator<Item = Run> {
    let mut run = Run::default();
    words_of(text).enumerate().filter_map(move |(index, word)| {
        run.rotate_left(1);
        run[MAX_VERBATIM_WORDS] = word;
        (index >= MAX_VERBATIM_WORDS).then_some(run)
    })
}

/// Hashes of the lower-case words, without what stands between them. Scripts that write no spaces count by
/// letter.
fn words_of(text: &str) -> impl Iterator<Item = u64> {
    let mut letters = text.chars().peekable();
    std::iter::from_fn(move || {
        while letters.next_if(|letter| !letter.is_alphanumeric()).is_some() {}
        let first = letters.next()?;
        let mut word = DefaultHasher::new();
        hash_lower(first, &mut word);
        if !is_word_of_its_own(first) {
            let in_word = |letter: &char| letter.is_alphanumeric() && !is_word_of_its_own(*letter);
            while let Some(letter) = letters.next_if(in_word) {
                hash_lower(letter, &mut word);
            }
        }
        Some(word.finish())
    })
}

fn hash_lower(letter: char, word: &mut DefaultHasher) {
    for lower in letter.to_lowercase() {
        word.write_u32(u32::from(lower));
    }
}

/// From the CJK radicals on, letters are syllables or words.
fn is_word_of_its_own(letter: char) -> bool {
    letter >= '\u{2E80}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, input: &str, expected: Result<(), LeakError>) {
        assert_eq!(check_leak(output, [input], Floor::built_in()), expected, "{output}");
    }

    #[test]
    fn five_shared_words_pass_and_six_do_not() {
        let input = "The quick brown fox jumps over the lazy dog";
        check("saw: quick brown fox jumps over", input, Ok(()));
        check("saw: QUICK, brown fox jumps over — the", input, Err(LeakError::Verbatim));
    }

    #[test]
    fn scripts_without_spaces_count_by_letter() {
        check("日本語で書かれ", "これは日本語で書かれた文です", Err(LeakError::Verbatim));
        check("日本語", "これは日本語で書かれた文です", Ok(()));
    }

    #[test]
    fn what_the_floor_hides_is_refused() {
        check("mail jane@example.com", "", Err(LeakError::Finding));
    }

    #[test]
    fn what_this_host_hides_is_refused() {
        let floor = Floor::built_in().clone().with_identifiers(["jane.doe"]);
        assert_eq!(check_leak("as jane.doe said", [], &floor), Err(LeakError::Finding));
        assert_eq!(check_leak("as jane.doe said", [], Floor::built_in()), Ok(()));
    }
}
