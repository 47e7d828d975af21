//! Tokens that are decoded together.

use llama_cpp_sys_2 as sys;

use super::{Sequence, Token};

/// Tokens of one or more sequences that are decoded together.
#[derive(Debug, Default)]
pub struct Batch {
    tokens: Vec<Token>,
    positions: Vec<i32>,
    sequences: Vec<i32>,
    outputs: Vec<i8>,
    /// What the library reads beside them; filled when it is asked.
    counts: Vec<i32>,
    pointers: Vec<*mut i32>,
}

impl Batch {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token of a sequence at its position; `wants_logits` where what follows it is asked for.
    /// Returns its index, by which [`super::Context::logits`] knows it.
    pub fn push(
        &mut self,
        token: Token,
        position: u32,
        sequence: Sequence,
        wants_logits: bool,
    ) -> usize {
        self.tokens.push(token);
        self.positions.push(i32::try_from(position).unwrap_or(i32::MAX));
        self.sequences.push(i32::from(sequence));
        self.outputs.push(i8::from(wants_logits));
        self.tokens.len() - 1
    }

    /// How many tokens it has.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Takes all tokens out.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.sequences.clear();
        self.outputs.clear();
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn positions(&self) -> &[i32] {
        &self.positions
    }

    pub(super) fn sequences(&self) -> &[i32] {
        &self.sequences
    }

    pub(super) fn outputs(&self) -> &[i8] {
        &self.outputs
    }

    /// As the library takes it. What it points to is borrowed from here for as long as nothing is pushed.
    pub(super) fn raw(&mut self) -> sys::llama_batch {
        self.counts.clear();
        self.counts.resize(self.tokens.len(), 1);
        self.pointers.clear();
        self.pointers.extend(self.sequences.iter_mut().map(std::ptr::from_mut));
        sys::llama_batch {
            n_tokens: i32::try_from(self.tokens.len()).unwrap_or(0),
            token: self.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.counts.as_mut_ptr(),
            seq_id: self.pointers.as_mut_ptr(),
            logits: self.outputs.as_mut_ptr(),
        }
    }
}
