//! The memory of the sequences that a model reads and writes.
#![expect(unsafe_code, reason = "calls of the C API")]

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use llama_cpp_sys_2 as sys;

use super::{Batch, Model, Sequence};
use crate::unusable::Unusable;

/// How large a context is.
#[derive(Clone, Copy, Debug)]
pub struct ContextOptions {
    /// Tokens of all sequences together; those of a copied beginning count once.
    pub tokens: u32,
    /// Sequences that it has, from 0.
    pub sequences: u16,
    /// Most tokens of one batch.
    pub batch_tokens: u32,
    /// Tokens of one batch whose logits can be asked for.
    pub outputs: u32,
    /// Threads that compute.
    pub threads: u16,
    /// Whether its memory holds eight bits for a number in place of sixteen.
    pub is_small: bool,
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self {
            tokens: 4_096,
            sequences: 9,
            batch_tokens: 512,
            outputs: 512,
            threads: 1,
            is_small: false,
        }
    }
}

/// A batch was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The memory of the sequences is full.
    #[error("the context has no room")]
    NoRoom,
    /// It was asked to stop.
    #[error("the decoding was stopped")]
    Stopped,
    /// The batch names what there is not.
    #[error("the batch is not valid")]
    Invalid,
    /// The library failed.
    #[error("llama.cpp failed to decode ({0})")]
    Native(i32),
}

/// The memory of the sequences of one model.
#[derive(Debug)]
pub struct Context<'model> {
    raw: NonNull<sys::llama_context>,
    model: &'model Model,
    options: ContextOptions,
    vocabulary_size: usize,
    stop: Arc<AtomicBool>,
    /// What of the last batch has logits.
    outputs: Vec<i8>,
}

impl<'model> Context<'model> {
    /// Makes the memory. [`Context::stop_flag`] stops a decoding that runs.
    pub fn new(model: &'model Model, options: ContextOptions) -> Result<Self, Unusable> {
        if options.sequences == 0 || options.batch_tokens < u32::from(options.sequences) {
            return Err(Unusable::new("a batch has fewer tokens than there are sequences"));
        }
        let stop = Arc::new(AtomicBool::new(false));
        // SAFETY: takes nothing, returns a struct.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = options.tokens;
        params.n_batch = options.batch_tokens;
        params.n_ubatch = options.batch_tokens;
        params.n_seq_max = u32::from(options.sequences);
        // The buffers are sized by it: a row of logits is 600 kB at 152,000 tokens. The library asserts
        // that every sequence has one.
        let outputs = options.outputs.clamp(u32::from(options.sequences), options.batch_tokens);
        params.n_outputs_max = outputs;
        params.n_outputs_max_per_seq = outputs;
        params.n_threads = i32::from(options.threads);
        params.n_threads_batch = i32::from(options.threads);
        params.kv_unified = true;
        params.no_perf = true;
        if options.is_small {
            params.type_k = sys::GGML_TYPE_Q8_0;
            params.type_v = sys::GGML_TYPE_Q8_0;
            params.flash_attn_type = sys::LLAMA_FLASH_ATTN_TYPE_ENABLED;
        }
        params.abort_callback = Some(is_stopped);
        params.abort_callback_data = Arc::as_ptr(&stop).cast_mut().cast();
        // SAFETY: the model outlives the context by its lifetime; the flag that the callback reads is owned
        // by the context and freed after it.
        let (raw, why) =
            super::log::loading(|| unsafe { sys::llama_init_from_model(model.raw(), params) });
        let raw = NonNull::new(raw).ok_or_else(|| {
            Unusable::new(format!("llama.cpp has no memory for {} tokens: {why}", options.tokens))
        })?;
        let vocabulary_size = model.vocabulary_size();
        Ok(Self { raw, model, options, vocabulary_size, stop, outputs: Vec::new() })
    }

    /// The model that it belongs to.
    pub fn model(&self) -> &'model Model {
        self.model
    }

    /// Set, it stops a decoding that runs, and every later one.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Tokens of all sequences together.
    pub fn tokens(&self) -> u32 {
        // SAFETY: the pointer is of a context.
        unsafe { sys::llama_n_ctx(self.raw.as_ptr()) }
    }

    /// Decodes a batch, at most as many tokens as one batch takes.
    pub fn decode(&mut self, batch: &mut Batch) -> Result<(), DecodeError> {
        self.outputs.clear();
        if !self.takes(batch) {
            return Err(DecodeError::Invalid);
        }
        // SAFETY: every token, position and sequence was checked; what the batch points to is not touched
        // during the call, and the library keeps none of it.
        let code = unsafe { sys::llama_decode(self.raw.as_ptr(), batch.raw()) };
        match code {
            0 => {
                self.outputs.extend_from_slice(batch.outputs());
                Ok(())
            }
            1 => Err(DecodeError::NoRoom),
            2 => Err(DecodeError::Stopped),
            -1 => Err(DecodeError::Invalid),
            code => Err(DecodeError::Native(code)),
        }
    }

    fn takes(&self, batch: &Batch) -> bool {
        let outputs = batch.outputs().iter().filter(|wants| **wants != 0).count();
        !batch.is_empty()
            && batch.len() <= self.options.batch_tokens as usize
            && outputs <= self.options.outputs as usize
            && batch.tokens().iter().all(|token| self.model.has(*token))
            && batch.sequences().iter().all(|at| *at < i32::from(self.options.sequences))
            && batch.positions().iter().all(|at| at.unsigned_abs() < self.options.tokens)
    }

    /// What follows the token at an index of the last batch, one number for each token of the vocabulary;
    /// empty where it was not asked for.
    pub fn logits(&mut self, index: usize) -> &[f32] {
        let (Some(1), Ok(at)) = (self.outputs.get(index), i32::try_from(index)) else { return &[] };
        // SAFETY: the last batch was decoded and asked for the logits at this index.
        let row = unsafe { sys::llama_get_logits_ith(self.raw.as_ptr(), at) };
        if row.is_null() {
            return &[];
        }
        // SAFETY: a row has a number for each token of the vocabulary, and stays until the next call that
        // changes the context, which needs it mutably.
        unsafe { std::slice::from_raw_parts(row, self.vocabulary_size) }
    }

    /// Copies a whole sequence to another, which must be empty. Memory of attention is shared.
    pub fn copy(&mut self, from: Sequence, to: Sequence) {
        if from == to || from.max(to) >= self.options.sequences {
            return;
        }
        // SAFETY: the memory is of this context, and both sequences exist.
        unsafe {
            let memory = sys::llama_get_memory(self.raw.as_ptr());
            sys::llama_memory_seq_cp(memory, i32::from(from), i32::from(to), -1, -1);
        }
    }

    /// Removes a whole sequence, the one removal that every architecture has.
    pub fn remove(&mut self, sequence: Sequence) {
        if sequence >= self.options.sequences {
            return;
        }
        // SAFETY: the memory is of this context, and the sequence exists. Removing a whole one never fails.
        unsafe {
            let memory = sys::llama_get_memory(self.raw.as_ptr());
            sys::llama_memory_seq_rm(memory, i32::from(sequence), -1, -1);
        }
    }

    /// Removes all sequences.
    pub fn clear(&mut self) {
        // SAFETY: the memory is of this context.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.raw.as_ptr()), true) };
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: this is the one owner.
        unsafe { sys::llama_free(self.raw.as_ptr()) };
    }
}

unsafe extern "C" fn is_stopped(flag: *mut c_void) -> bool {
    // SAFETY: the library passes back the flag of the context whose decoding asks.
    unsafe { &*flag.cast::<AtomicBool>() }.load(Ordering::Relaxed)
}
