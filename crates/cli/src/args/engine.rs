//! What can be typed of the engine that summarises with a model.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use modelstat_models::DEFAULT_MODEL;

/// What makes abstracts with a model.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EngineOptions {
    /// Summarise with a model in a process of its own: a name of `modelstat model list`, the path of a
    /// .gguf file, or `none` [default: none; without a value: the default model]
    #[arg(
        long,
        value_name = "MODEL|none",
        env = "MODELSTAT_ENGINE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_MODEL
    )]
    pub(crate) engine: Option<String>,
    /// Summarise with a model behind an API like OpenAI's on this machine, or `none`; Ollama has it at
    /// `http://127.0.0.1:11434/v1`
    #[arg(long, value_name = "URL|none", env = "MODELSTAT_ENGINE_URL")]
    pub(crate) engine_url: Option<String>,
    /// The model's name there
    #[arg(long, value_name = "NAME", env = "MODELSTAT_ENGINE_URL_MODEL")]
    pub(crate) engine_url_model: Option<String>,
    /// Let redacted text leave for an API on another machine [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "MODELSTAT_ENGINE_ALLOW_REMOTE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) engine_allow_remote: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PriorityWord {
    /// Everybody
    Low,
    /// Nobody
    Normal,
}

impl PriorityWord {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
        }
    }
}

/// The process with the model, which a daemon or server starts.
#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    /// The model's file
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Threads that compute
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) threads: u16,
    /// Answers that are made together
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    pub(crate) sequences: u16,
    /// Most memory of the process
    #[arg(long, value_name = "MEGABYTES", default_value_t = 1_200)]
    pub(crate) max_memory_mb: u64,
    /// Who else gets the processor first
    #[arg(long, value_enum, default_value_t = PriorityWord::Low)]
    pub(crate) priority: PriorityWord,
}
