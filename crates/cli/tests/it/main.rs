//! The built binary from outside: clients, hostile input, `kill -9`, redaction, and a search for what leaked.

mod drain;
mod egress;
mod faults;
mod hostile;
mod leak;
mod model;
mod options;
mod product;
mod reach;
mod redact;
mod redaction;
mod support;
mod verbs;
