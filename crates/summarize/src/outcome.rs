//! What came of a segment, from its errors and the words of its end.

use crate::engine::Turn;
use crate::words::Piece;

/// How much of the last turn is read: people say at the end what came of it.
const ENDING_BYTES: usize = 600;

/// What came of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    Open,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }

    /// The outcome of that word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Open].into_iter().find(|outcome| outcome.as_str() == word)
    }
}

const DONE: &[&str] = &[
    "fixed",
    "works now",
    "it works",
    "is gone",
    "again",
    "that worked",
    "working now",
    "all tests pass",
    "tests pass",
    "solved",
    "resolved",
    "completed",
    "thank you",
    "thanks",
    "perfect",
    "has been",
    "done",
    "merged",
    "deployed",
    "succeeded",
    "you're welcome",
    "finished",
    "that helps",
    "great, ",
];

const FAILED: &[&str] = &[
    "still fail",
    "still not",
    "still broken",
    "still get",
    "doesn't work",
    "does not work",
    "not working",
    "unable to",
    "couldn't",
    "cannot be",
    "failed to",
    "gave up",
    "no success",
    "keeps failing",
    "i can't help",
    "not possible",
    "out of memory",
    "timed out",
];

const OPEN: &[&str] = &[
    "let me know",
    "would you like",
    "shall i",
    "should i",
    "do you want",
    "could you share",
    "please provide",
    "please send",
    "next step",
    "waiting for",
    "to be continued",
    "not yet",
    "remaining",
    "i will look",
    "i'll look",
    "will get back",
    "can you share",
    "can you tell",
];

/// Judges by the last turn: a failed call, then what its last words say, then who had the last word.
pub(crate) fn outcome(turns: &[Turn], pieces: &[Piece<'_>]) -> Outcome {
    if turns.last().is_some_and(|turn| turn.failed) {
        return Outcome::Failed;
    }
    let Some(last) = pieces.iter().rev().find(|piece| !piece.text.trim().is_empty()) else {
        return if turns.iter().any(|turn| turn.failed) { Outcome::Open } else { Outcome::Done };
    };
    let text = last.text.trim_end();
    let ending =
        text[text.ceil_char_boundary(text.len().saturating_sub(ENDING_BYTES))..].to_lowercase();
    let said = |words: &[&str]| words.iter().filter_map(|word| ending.rfind(word)).max();
    let (done, failed, open) = (said(DONE), said(FAILED), said(OPEN));
    // The last word that is said of it holds.
    match (done, failed, open) {
        _ if ending.ends_with(['?', '？']) => Outcome::Open,
        (_, Some(at), _) if done.is_none_or(|done| done < at) => Outcome::Failed,
        (Some(_), ..) => Outcome::Done,
        (.., Some(_)) => Outcome::Open,
        _ if last.is_question => Outcome::Open,
        _ => Outcome::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_question: bool, expected: Outcome) {
        assert_eq!(outcome(&[], &[Piece { text, is_question, turn: 0 }]), expected, "{text}");
    }

    #[test]
    fn the_last_words_say_what_came_of_it() {
        check("It failed to start at first, but it is fixed.", false, Outcome::Done);
        check("The build was fixed, but the deploy is still not working.", false, Outcome::Failed);
        check("Which version do you use?", false, Outcome::Open);
        check("Bake it for ten minutes.", false, Outcome::Done);
        check("Please translate this", true, Outcome::Open);
        check("thanks!", true, Outcome::Done);
    }
}
