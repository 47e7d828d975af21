//! Engines with a language model: how they are asked, watched and stopped.
//!
//! What this crate deliberately does not do: no native code, which runs in a process of its own, and no
//! socket, which belongs to the one door of whoever asks.

mod protocol;

pub use protocol::{
    Answer, Failure, FrameError, FromEngine, Job, MAX_FRAME_BYTES, Ready, ToEngine, read_frame,
    write_frame,
};
