//! What is said to the process that has the model, and what it answers: frames on its standard input and
//! output, each four bytes of length (little endian) and as many of JSON.

use std::io::{self, Read, Write};

use modelstat_summarize::Outline;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest frame: eight parts of 8,000 code points of four bytes, escaped at worst, stay below it.
pub const MAX_FRAME_BYTES: usize = 2 * 1024 * 1024;

/// What is said to the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToEngine {
    /// Make an answer. Up to [`Ready::sequences`] of them are made together, others wait their turn.
    Job(Job),
    /// Nobody waits for the answer any more.
    Cancel {
        /// The job's number.
        id: u64,
    },
}

/// One answer to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Chosen by who asks; the answer carries it.
    pub id: u64,
    /// What is asked about, as plain material: no part of it can become a control token.
    pub outline: Outline,
    /// Most tokens of the question beside the fixed part.
    pub prompt_tokens: u32,
    /// Most tokens of the answer.
    pub answer_tokens: u32,
    /// Most milliseconds from its arrival to its answer.
    pub time_ms: u64,
}

/// What the process says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromEngine {
    /// The model is loaded. It is said once, before anything else.
    Ready(Ready),
    /// The model cannot be used. It is said instead of `ready`, and the process ends.
    Unusable {
        /// Why, for an operator; no text of a user.
        reason: String,
    },
    /// An answer was made.
    Answer(Answer),
    /// No answer was made.
    Failed {
        /// The job's number.
        id: u64,
        /// Why.
        failure: Failure,
    },
}

/// What is known of a loaded model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The architecture that the file names, such as `qwen3`.
    pub architecture: String,
    /// How many answers are made together.
    pub sequences: u32,
    /// Tokens of all sequences together.
    pub context_tokens: u32,
    /// Bytes of the weights.
    pub model_bytes: u64,
    /// Time it took to load, in milliseconds.
    pub load_ms: u64,
}

/// What the model wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The job's number.
    pub id: u64,
    /// The model's words, as JSON of the grammar.
    pub text: String,
    /// Tokens that were read for it, without the fixed part.
    pub prompt_tokens: u32,
    /// Tokens that were written.
    pub answer_tokens: u32,
    /// Time from its arrival, in milliseconds.
    pub ms: u64,
}

/// Why no answer was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It took too long.
    Timeout,
    /// The answer did not end within its tokens.
    TooLong,
    /// The context has no room for it.
    NoRoom,
    /// The model's library reported an error.
    Native,
}

/// A frame cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The other side went away in the middle, or the pipe broke.
    #[error("the pipe to the engine broke")]
    Io(#[from] io::Error),
    /// It is longer than any that is meant.
    #[error("a frame of {0} bytes is too large")]
    TooLarge(usize),
    /// It is none of the messages.
    #[error("a frame cannot be read")]
    Json(#[from] serde_json::Error),
}

/// Reads the next frame; `None` where the other side ended between two frames.
pub fn read_frame<T: DeserializeOwned>(input: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    // An end before the first byte is an end; one after it is a break.
    if input.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge(length));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

/// Writes a frame whole, and flushes it.
pub fn write_frame(output: &mut impl Write, message: &impl Serialize) -> Result<(), FrameError> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_FRAME_BYTES);
    let length = length.ok_or(FrameError::TooLarge(body.len()))?;
    output.write_all(&[&length.to_le_bytes(), body.as_slice()].concat())?;
    Ok(output.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(id: u64) -> FromEngine {
        FromEngine::Failed { id, failure: Failure::Timeout }
    }

    #[test]
    fn frames_come_back_in_their_order() {
        let mut pipe = Vec::new();
        for id in [1, u64::MAX] {
            write_frame(&mut pipe, &failed(id)).expect("memory");
        }
        let mut input = pipe.as_slice();
        for id in [1, u64::MAX] {
            assert_eq!(read_frame(&mut input).expect("a frame"), Some(failed(id)));
        }
        assert_eq!(read_frame::<FromEngine>(&mut input).expect("the end"), None);
    }

    #[test]
    fn what_is_cut_or_too_large_or_no_message_is_refused() {
        let mut whole = Vec::new();
        write_frame(&mut whole, &failed(1)).expect("memory");
        for end in 1..whole.len() {
            let read = read_frame::<FromEngine>(&mut &whole[..end]);
            assert!(matches!(read, Err(FrameError::Io(_))), "{end}");
        }
        let large = read_frame::<FromEngine>(&mut [0xFF; 8].as_slice());
        assert!(matches!(large, Err(FrameError::TooLarge(_))));
        let other = read_frame::<FromEngine>(&mut b"\x02\0\0\0{}".as_slice());
        assert!(matches!(other, Err(FrameError::Json(_))));
        let written = write_frame(&mut Vec::new(), &"x".repeat(MAX_FRAME_BYTES));
        assert!(matches!(written, Err(FrameError::TooLarge(_))));
    }
}
