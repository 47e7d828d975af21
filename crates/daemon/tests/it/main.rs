//! The daemon against a fake server, over real sockets.

mod client;
mod delivery;
mod doors;
mod privacy;
mod segments;
mod spool;
mod upstream;
mod world;
