//! The engine over HTTP, against servers that understand more or less, or fail.
