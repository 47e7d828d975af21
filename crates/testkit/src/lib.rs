//! Fake upstream, sample data, models with random weights and the leak scanner, for tests; a fake provider
//! and a receiver, for tests and examples of the SDK and its integrations.

pub mod gguf;
mod http;
#[cfg(feature = "leaks")]
mod plant;
mod provider;
#[cfg(feature = "leaks")]
mod proxy;
mod receiver;
#[cfg(feature = "leaks")]
mod scanner;

pub use http::{Answer, post};
#[cfg(feature = "leaks")]
pub use plant::{Family, Plant, Planted, Session, Shape};
pub use provider::Provider;
#[cfg(feature = "leaks")]
pub use proxy::{Proxy, Recorded};
pub use receiver::Receiver;
#[cfg(feature = "leaks")]
pub use scanner::{ExtraTexts, Hit, Needle, ScanError, Scanner};
