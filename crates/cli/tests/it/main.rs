//! The built binary from outside: clients, hostile input, `kill -9`, redaction, and a search for what leaked.

mod faults;
mod hostile;
mod leak;
mod options;
mod product;
mod redact;
mod redaction;
mod support;
mod verbs;
