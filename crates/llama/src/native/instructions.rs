//! What the library was compiled for.
#![expect(unsafe_code, reason = "calls of the C API")]

use llama_cpp_sys_2 as sys;

/// Instructions beyond the least of x86-64. Which of them the library uses was chosen when it was built,
/// by default or by `GGML_…` in the environment of the build.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instructions {
    Avx,
    Avx2,
    Fma,
    F16c,
    Bmi2,
    AvxVnni,
    Avx512,
    Avx512Vbmi,
    Avx512Vnni,
    Avx512Bf16,
}

impl Instructions {
    /// Whether the library was compiled to use them.
    pub(crate) fn are_used(self) -> bool {
        let asked = match self {
            Self::Avx => sys::ggml_cpu_has_avx,
            Self::Avx2 => sys::ggml_cpu_has_avx2,
            Self::Fma => sys::ggml_cpu_has_fma,
            Self::F16c => sys::ggml_cpu_has_f16c,
            Self::Bmi2 => sys::ggml_cpu_has_bmi2,
            Self::AvxVnni => sys::ggml_cpu_has_avx_vnni,
            Self::Avx512 => sys::ggml_cpu_has_avx512,
            Self::Avx512Vbmi => sys::ggml_cpu_has_avx512_vbmi,
            Self::Avx512Vnni => sys::ggml_cpu_has_avx512_vnni,
            Self::Avx512Bf16 => sys::ggml_cpu_has_avx512_bf16,
        };
        // SAFETY: each takes nothing and returns a constant of its compilation.
        unsafe { asked() != 0 }
    }
}
