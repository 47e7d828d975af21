//! Engines with a language model: how they are asked, watched and stopped.
//!
//! What this crate deliberately does not do: no native code, which runs in a process of its own, and no
//! socket, which belongs to the one door of whoever asks.

mod child;
mod openai;
mod protocol;
mod status;

pub use child::{ChildEngine, ChildLimits, ChildOptions, FindModel, ModelProblem};
pub use openai::{CHAT_PATH, HttpEngine, HttpOptions, Reply, Transport, TransportError};
pub use protocol::{
    Answer, Failure, FrameError, FromEngine, Job, MAX_FRAME_BYTES, Ready, ToEngine, read_frame,
    write_frame,
};
pub use status::{EngineState, EngineStatus};
