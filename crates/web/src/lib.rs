//! The built dashboard, embedded.
