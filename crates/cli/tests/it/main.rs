//! The built binary from outside: clients, hostile input, `kill -9`, redaction, and a search for what leaked.

mod devices;
mod faults;
mod hostile;
mod leak;
mod product;
mod redact;
mod redaction;
mod service;
mod support;
mod verbs;
