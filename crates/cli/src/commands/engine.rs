//! `modelstat engine`: the process with the model. The daemon starts it; it speaks in frames on standard
//! input and output.

use crate::args::EngineArguments;

/// `modelstat engine`
#[cfg(feature = "llama")]
pub(crate) fn run(arguments: &EngineArguments) -> anyhow::Result<()> {
    let options = modelstat_llama::Options {
        threads: arguments.threads,
        sequences: arguments.sequences,
        max_memory_bytes: arguments.max_memory_mb.saturating_mul(1_000_000),
        ..modelstat_llama::Options::new(arguments.model.clone())
    };
    Ok(modelstat_llama::serve(&options, std::io::stdin(), std::io::stdout())?)
}

/// `modelstat engine`
#[cfg(not(feature = "llama"))]
pub(crate) fn run(_: &EngineArguments) -> anyhow::Result<()> {
    use crate::engine_section::{NO_LLAMA, NO_LLAMA_REMEDY};
    Err(crate::error::hinted(NO_LLAMA, NO_LLAMA_REMEDY))
}
