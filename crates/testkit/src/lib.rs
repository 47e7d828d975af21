//! Fake upstream, sample data and the leak scanner, for tests.

mod plant;
mod proxy;
mod scanner;

pub use plant::{Family, Plant, Planted, Shape};
pub use proxy::{Proxy, Recorded};
pub use scanner::{ExtraTexts, Hit, Needle, ScanError, Scanner};
