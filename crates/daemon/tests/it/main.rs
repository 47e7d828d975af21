//! The daemon against a fake server, over real sockets.

mod client;
mod delivery;
mod doors;
mod privacy;
mod proof;
mod segments;
mod upstream;
mod world;
