//! Segments of a session, and the short abstract made of each.
//!
//! [`split`] says which turns belong together, [`summarise_with`] makes an [`Abstract`] of them with an
//! [`Engine`]. [`assign`] finds the closed segments that late turns belong to, and [`summarise_again`] makes
//! theirs again of what is kept of them. [`plan`] and [`make_segment`] put this together for what a daemon's spool
//! or a server's inbox keeps. The [`TemplateEngine`] needs no model and is the fallback of every other: no engine, a
//! failure, a panic or an output that repeats its input costs words, never an event.
//!
//! What this crate deliberately does not do: no files, no network, no clock. It sees redacted text
//! only, and what it makes passes the floor again.

mod chain;
mod contents;
mod engine;
mod engines;
mod extract;
mod features;
mod gate;
mod language;
mod late;
mod make;
mod material;
mod model;
mod outcome;
mod phrases;
mod plan;
mod program;
mod removed_words;
mod segment;
mod stored;
mod subject;
mod task;
mod template;
mod vocabulary;
mod words;
mod work_type;

pub use chain::{Chain, Content, Known, Load, Model, Skip};
pub use contents::{
    ContentHash, Contents, KNOWN_MS, Lesson, MAX_KNOWN, MAX_KNOWN_BYTES, content_key,
};
pub use engine::{
    Abstract, Draft, Earlier, Engine, EngineError, Fallback, Summary, Turn, summarise_again,
    summarise_with,
};
pub use engines::{Engines, FallbackEngine};
pub use extract::ExtractEngine;
pub use features::Features;
pub use gate::{
    Gate, LeakError, MAX_OUTPUT_BYTES, MAX_REMOVED_WORDS, MAX_VERBATIM_WORDS, Quoting, Removed,
};
pub use late::{ClosedMark, assign};
pub use make::{
    MadeSegment, Making, ReadSegment, SegmentSource, SegmentsOrigin, make_segment, segments_batch,
};
pub use material::LatePlace;
pub use model::{
    MAX_ANSWER_TOKENS, MIN_MODEL_WORDS, Outline, PROMPT_VERSION, SYSTEM, grammar, is_worth_a_model,
    read_answer, schema,
};
pub use plan::{ClosedPlace, Plan, Planned, TurnPlace, joinable_since, plan};
pub use removed_words::{RemovedWords, StoredRemoved, removed_key};
pub use segment::{SegmentLimits, Span, TurnMark, split};
pub use stored::{BatchTurns, ClosedSegment, StoredTurn};
pub use template::TemplateEngine;
pub use work_type::WorkType;
