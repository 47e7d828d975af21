//! llama.cpp's own loop: the C API with its defaults, one sequence, the likeliest token.
#![expect(unsafe_code, reason = "calls of the C API, without our layers")]

use std::error::Error;
use std::ffi::CString;
use std::path::Path;

use llama_cpp_sys_2 as sys;

use crate::process::cpu_seconds;

/// A model, a context and a sampler, as the library's examples have them.
pub(crate) struct Plain {
    model: *mut sys::llama_model,
    context: *mut sys::llama_context,
    sampler: *mut sys::llama_sampler,
    /// Tokens that stand before what is measured, as before a question of ours.
    beginning: usize,
}

impl Plain {
    pub(crate) fn load(path: &Path, beginning: usize) -> Result<Self, Box<dyn Error>> {
        let path = CString::new(path.to_str().ok_or("the path is no text")?)?;
        // SAFETY: the calls are in the order that the library's documentation gives, with its defaults;
        // what is null is not used.
        unsafe {
            let model =
                sys::llama_model_load_from_file(path.as_ptr(), sys::llama_model_default_params());
            if model.is_null() {
                return Err("llama.cpp does not load the model".into());
            }
            let mut params = sys::llama_context_default_params();
            params.n_ctx = 4_096;
            params.n_threads = 1;
            params.n_threads_batch = 1;
            let context = sys::llama_init_from_model(model, params);
            if context.is_null() {
                return Err("llama.cpp makes no context".into());
            }
            let sampler = sys::llama_sampler_init_greedy();
            Ok(Self { model, context, sampler, beginning })
        }
    }

    /// Processor seconds of a prompt.
    pub(crate) fn read(&mut self, tokens: usize) -> Result<f64, Box<dyn Error>> {
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.context), true) };
        self.decode(self.beginning)?;
        let before = cpu_seconds("self");
        self.decode(tokens)?;
        Ok(cpu_seconds("self") - before)
    }

    /// Processor seconds of so many tokens after the prompt.
    pub(crate) fn write(&mut self, tokens: u32) -> Result<f64, Box<dyn Error>> {
        let before = cpu_seconds("self");
        for _ in 0..tokens {
            // SAFETY: the last decoding had logits for its last token.
            let mut token = unsafe { sys::llama_sampler_sample(self.sampler, self.context, -1) };
            self.decode_tokens(std::slice::from_mut(&mut token))?;
        }
        Ok(cpu_seconds("self") - before)
    }

    fn decode(&mut self, count: usize) -> Result<(), Box<dyn Error>> {
        let mut tokens: Vec<i32> = (0..200).cycle().take(count).collect();
        tokens.chunks_mut(2_048).try_for_each(|chunk| self.decode_tokens(chunk))
    }

    fn decode_tokens(&mut self, tokens: &mut [i32]) -> Result<(), Box<dyn Error>> {
        let count = i32::try_from(tokens.len())?;
        // SAFETY: the batch points to the tokens, which outlive the call.
        let code = unsafe {
            let batch = sys::llama_batch_get_one(tokens.as_mut_ptr(), count);
            sys::llama_decode(self.context, batch)
        };
        if code == 0 { Ok(()) } else { Err(format!("llama.cpp does not decode: {code}").into()) }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // SAFETY: each is owned here alone, and freed after what it was made for.
        unsafe {
            sys::llama_sampler_free(self.sampler);
            sys::llama_free(self.context);
            sys::llama_model_free(self.model);
        }
    }
}
