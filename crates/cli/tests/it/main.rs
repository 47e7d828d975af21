//! The built binary from outside: clients, hostile input, `kill -9`, and a search for what leaked.

mod faults;
mod hostile;
mod leak;
mod product;
mod support;
mod verbs;
