//! Whether this processor has the instructions that llama.cpp is built with.

use crate::unusable::Unusable;

/// Asks the processor before native code computes, which would end the process at the first instruction
/// that it does not know.
pub(crate) fn check() -> Result<(), Unusable> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Unusable::new(format!(
        "this processor has no {}: use an engine at a url, or another machine",
        missing.join(", ")
    )))
}

/// What the library is built with on this architecture, and the processor lacks.
#[cfg(target_arch = "x86_64")]
fn missing() -> Vec<&'static str> {
    use std::arch::is_x86_feature_detected as has;

    use crate::native::Instructions as Built;

    let wide = has!("avx512f") && has!("avx512cd") && has!("avx512vl");
    let wide = wide && has!("avx512dq") && has!("avx512bw");
    let features = [
        ("AVX", Built::Avx, has!("avx")),
        ("AVX2", Built::Avx2, has!("avx2")),
        ("FMA", Built::Fma, has!("fma")),
        ("F16C", Built::F16c, has!("f16c")),
        ("BMI2", Built::Bmi2, has!("bmi2")),
        ("AVX-VNNI", Built::AvxVnni, has!("avxvnni")),
        ("AVX-512", Built::Avx512, wide),
        ("AVX-512 VBMI", Built::Avx512Vbmi, has!("avx512vbmi")),
        ("AVX-512 VNNI", Built::Avx512Vnni, has!("avx512vnni")),
        ("AVX-512 BF16", Built::Avx512Bf16, has!("avx512bf16")),
    ];
    let lacks = features.into_iter().filter(|(_, built, found)| built.are_used() && !found);
    lacks.map(|(name, ..)| name).collect()
}

/// Elsewhere the library is built for the least that the architecture has.
#[cfg(not(target_arch = "x86_64"))]
fn missing() -> Vec<&'static str> {
    Vec::new()
}
