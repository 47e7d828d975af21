//! Segments of a session, and the short abstract made of each.
//!
//! [`split`] says which turns belong together, [`summarise`] makes an [`Abstract`] of them with an
//! [`Engine`]. The [`TemplateEngine`] needs no model and is the fallback of every other: no engine, a
//! failure, a panic or an output that repeats its input costs words, never an event.
//!
//! What this crate deliberately does not do: no files, no network, no clock. It sees redacted text
//! only, and what it makes passes the floor again.

mod engine;
mod gate;
mod segment;
mod template;
mod vocabulary;
mod work_type;

pub use engine::{Abstract, Draft, Engine, EngineError, Fallback, Turn, summarise};
pub use gate::{LeakError, MAX_VERBATIM_WORDS, check_leak};
pub use segment::{SegmentLimits, Span, TurnMark, split};
pub use template::TemplateEngine;
pub use work_type::WorkType;
