//! What must hold for any input; each function panics where it does not.
//!
//! The fuzz targets call these functions, and so does the test that replays the seeds and the crashers.

mod checks;
mod json;
mod specimens;

pub use checks::{chunked, whole};
pub use json::json;
