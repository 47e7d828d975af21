//! Files with fewer bits, for benchmarks and tests: no published weights are needed for them.
#![expect(unsafe_code, reason = "calls of the C API")]

use std::ffi::CString;
use std::path::Path;

use llama_cpp_sys_2 as sys;

use crate::unusable::Unusable;

/// Writes a model again as `Q4_K_M`, which is what most people pull.
pub fn quantise(from: &Path, to: &Path, threads: u16) -> Result<(), Unusable> {
    crate::cpu::check()?;
    crate::gguf::Header::read(from)?;
    super::model::start();
    let text = |path: &Path| path.to_str().and_then(|path| CString::new(path).ok());
    let (Some(input), Some(output)) = (text(from), text(to)) else {
        return Err(Unusable::new("the path of a model is no plain text"));
    };
    // SAFETY: takes nothing, returns a struct.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.nthread = i32::from(threads);
    params.ftype = sys::LLAMA_FTYPE_MOSTLY_Q4_K_M;
    // SAFETY: both paths end with a zero byte, and all three outlive the call.
    let (code, why) = super::log::loading(|| unsafe {
        sys::llama_model_quantize(input.as_ptr(), output.as_ptr(), &raw const params)
    });
    if code != 0 {
        return Err(Unusable::new(format!("llama.cpp could not write it with fewer bits: {why}")));
    }
    Ok(())
}
