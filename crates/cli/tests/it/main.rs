//! The built binary from outside: clients, hostile input, `kill -9`, redaction, and a search for what leaked.

mod devices;
mod drain;
mod egress;
mod engine;
mod faults;
mod hostile;
mod leak;
mod model;
mod options;
mod product;
mod reach;
mod redact;
mod redaction;
mod service;
mod support;
mod verbs;
