//! Whether this processor has the instructions that llama.cpp is built with.

use crate::unusable::Unusable;

/// Asks the processor before native code runs, which would end the process at the first instruction that
/// it does not know.
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
    let features = [
        ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
        ("FMA", std::arch::is_x86_feature_detected!("fma")),
        ("F16C", std::arch::is_x86_feature_detected!("f16c")),
        ("BMI2", std::arch::is_x86_feature_detected!("bmi2")),
    ];
    features.into_iter().filter(|(_, found)| !found).map(|(name, _)| name).collect()
}

/// Elsewhere the library is built for the least that the architecture has.
#[cfg(not(target_arch = "x86_64"))]
fn missing() -> Vec<&'static str> {
    Vec::new()
}
