//! `modelstat engine`: the process with the model. The daemon starts it; it speaks in frames on standard
//! input and output.

#[cfg(feature = "llama")]
use anyhow::Context;

use crate::args::EngineArguments;

/// `modelstat engine`
#[cfg(feature = "llama")]
pub(crate) fn run(arguments: &EngineArguments) -> anyhow::Result<()> {
    use crate::args::PriorityWord;
    use modelstat_llama::Priority;

    let options = modelstat_llama::Options {
        priority: match arguments.priority {
            PriorityWord::Low => Priority::Low,
            PriorityWord::Normal => Priority::Normal,
        },
        threads: arguments.threads,
        sequences: arguments.sequences,
        max_memory_bytes: arguments.max_memory_mb.saturating_mul(1_000_000),
        ..modelstat_llama::Options::new(arguments.model.clone())
    };
    // Before anything else is done: what the library prints must not stand between frames.
    let output =
        modelstat_llama::confine(&options).context("standard output cannot be kept for answers")?;
    Ok(modelstat_llama::serve(&options, std::io::stdin(), output)?)
}

/// `modelstat engine`
#[cfg(not(feature = "llama"))]
pub(crate) fn run(_: &EngineArguments) -> anyhow::Result<()> {
    use crate::engine_section::{NO_LLAMA, NO_LLAMA_REMEDY};
    Err(crate::error::hinted(NO_LLAMA, NO_LLAMA_REMEDY))
}
