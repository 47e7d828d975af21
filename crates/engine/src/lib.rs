//! Engines with a language model: how they are asked, watched and stopped.
//!
//! What this crate deliberately does not do: no native code, which runs in a process of its own, and no
//! ledger: what of a daemon is asked over HTTP goes through the daemon's one door.

mod child;
mod client;
mod endpoint;
mod models;
mod openai;
mod protocol;
mod secret;
mod status;

pub use child::{ChildEngine, ChildLimits, ChildOptions, FindModel, ModelProblem};
pub use client::{EndpointClient, failure_word};
pub use endpoint::{AddressError, Endpoint, EndpointError, destination};
pub use models::{ModelEngineError, ModelEngines, Models};
pub use openai::{CHAT_PATH, HttpEngine, HttpOptions, Reply, Transport, TransportError};
pub use protocol::{
    Answer, Failure, FrameError, FromEngine, Job, MAX_FRAME_BYTES, Ready, ToEngine, read_frame,
    write_frame,
};
pub use secret::Secret;
pub use status::{EngineState, EngineStatus};
