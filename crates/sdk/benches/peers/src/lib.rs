//! What the Rust SDK costs whoever records, and its worker, beside the published SDK and OpenTelemetry.
//!
//! Run by `cargo xtask bench sdk`; `docs/benchmarks.md` says what the figures mean.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

pub mod caller;
pub mod children;
pub mod memory;
pub mod ours;
pub mod published;
pub mod report;
pub mod span;
pub mod sparse;
pub mod subject;
pub mod syscalls;
pub mod texts;
pub mod timing;
pub mod worker;
