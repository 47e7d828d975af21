//! What a language model is asked, and how its answer is read: the same for every engine that has one.

mod answer;
mod prompt;

pub use answer::{grammar, read_answer, schema};
pub use prompt::{MIN_MODEL_WORDS, Outline, SYSTEM, is_worth_a_model};

/// Counts up whenever the same turns would be asked about in other words.
pub const PROMPT_VERSION: &str = "1";

/// Most tokens of an answer: the longest abstract and title that are kept, with the JSON around them.
pub const MAX_ANSWER_TOKENS: usize = 160;

/// Longest abstract that is asked for, in code points.
const ASKED_CHARS: usize = 300;
