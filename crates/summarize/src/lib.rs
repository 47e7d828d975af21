//! Segments of a session, and the short abstract made of each.
//!
//! [`split`] says which turns belong together, [`summarise`] makes an [`Abstract`] of them with an
//! [`Engine`]. The [`TemplateEngine`] needs no model and is the fallback of every other: no engine, a
//! failure, a panic or an output that repeats its input costs words, never an event.
//!
//! What this crate deliberately does not do: no files, no network, no clock. It sees redacted text
//! only, and what it makes passes the floor again.

mod engine;
mod extract;
mod gate;
mod language;
mod model;
mod outcome;
mod phrases;
mod program;
mod segment;
mod subject;
mod task;
mod template;
mod vocabulary;
mod words;
mod work_type;

pub use engine::{
    Abstract, Draft, Engine, EngineError, Fallback, Summary, Turn, summarise, summarise_with,
};
pub use extract::ExtractEngine;
pub use gate::{
    Gate, LeakError, MAX_OUTPUT_BYTES, MAX_REMOVED_WORDS, MAX_VERBATIM_WORDS, Quoting, Removed,
};
pub use model::{
    MAX_ANSWER_TOKENS, MIN_MODEL_WORDS, PROMPT_VERSION, SYSTEM, grammar, is_worth_a_model, prompt,
    read_answer, schema,
};
pub use segment::{SegmentLimits, Span, TurnMark, split};
pub use template::TemplateEngine;
pub use work_type::WorkType;
