//! The folder of models against a server on loopback that does what servers do, and worse.

mod hub;
mod proxy;
mod pull;
mod shelf;
