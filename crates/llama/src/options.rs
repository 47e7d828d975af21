//! What a process with a model is started with, and the memory that it may take.

use std::path::PathBuf;

use crate::gguf::Header;
use crate::native::ContextOptions;
use crate::unusable::Unusable;

/// Most answers that are made together. Sequence 0 holds the fixed beginning of all questions.
pub const MAX_SEQUENCES: u16 = 8;

/// Most tokens of one step: a step is also how long a cancelled job may still run.
pub(crate) const STEP_TOKENS: u32 = 256;

/// Least tokens of a context that is of use: the fixed part of a question, a short question, an answer.
const MIN_CONTEXT_TOKENS: u32 = 1_024;

/// The library rounds a context up to whole blocks of so many tokens.
const CONTEXT_BLOCK: u32 = 256;

/// What the process takes beside weights and sequences: its code's data, the library's graph.
const OVERHEAD_BYTES: u64 = 64 * 1024 * 1024;

/// What a token of the vocabulary takes with its pieces, its merges and the maps to find them.
const TOKEN_NAME_BYTES: u64 = 700;

const MEGABYTE: u64 = 1_000_000;

/// How the processor is shared with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// It is used where nobody else wants it. On a machine that is busy all the time jobs are late.
    Low,
    /// As any other process.
    Normal,
}

/// What a process with a model is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file. Who made it was checked by whoever names it.
    pub model: PathBuf,
    /// Threads that compute.
    pub threads: u16,
    /// Most answers that are made together, up to [`MAX_SEQUENCES`].
    pub sequences: u16,
    /// Tokens of all sequences together; fewer where the memory does not hold them.
    pub context_tokens: u32,
    /// Most memory of the process, in bytes.
    pub max_memory_bytes: u64,
    /// How the processor is shared with others.
    pub priority: Priority,
    /// How far answers stray from the likeliest token; 0 for not at all.
    pub temperature: f32,
    /// What the straying follows.
    pub seed: u64,
}

impl Options {
    /// The defaults for a model: one thread, eight answers together, at most 1.2 GB.
    pub fn new(model: PathBuf) -> Self {
        Self {
            model,
            threads: 1,
            sequences: MAX_SEQUENCES,
            context_tokens: 8_192,
            max_memory_bytes: 1_200 * MEGABYTE,
            priority: Priority::Low,
            temperature: 0.2,
            seed: 0,
        }
    }

    /// How many answers are made together.
    pub(crate) fn sequences(&self) -> u16 {
        self.sequences.clamp(1, MAX_SEQUENCES)
    }

    /// How large a context the memory holds beside a model.
    pub(crate) fn context(&self, header: &Header) -> Result<ContextOptions, Unusable> {
        let sequences = self.sequences() + 1;
        let outputs = u32::from(sequences);
        let logits = header.vocabulary_size() * 4 * u64::from(outputs);
        let fixed = header.tensor_bytes
            + header.sequence_bytes() * u64::from(sequences)
            + 2 * logits
            + header.vocabulary_size() * TOKEN_NAME_BYTES
            + OVERHEAD_BYTES;
        let token = header.token_bytes().max(1);
        let room = self.max_memory_bytes.saturating_sub(fixed) / token;
        let tokens = u32::try_from(room).unwrap_or(u32::MAX).min(self.context_tokens);
        let tokens = tokens - tokens % CONTEXT_BLOCK;
        if tokens < MIN_CONTEXT_TOKENS {
            let needed = fixed + token * u64::from(MIN_CONTEXT_TOKENS);
            return Err(Unusable::new(format!(
                "the model needs {} MB of memory and may take {}: raise the limit or choose a smaller model",
                needed.div_ceil(MEGABYTE),
                self.max_memory_bytes / MEGABYTE
            )));
        }
        Ok(ContextOptions {
            tokens,
            sequences,
            batch_tokens: STEP_TOKENS,
            outputs,
            threads: self.threads.max(1),
        })
    }
}
