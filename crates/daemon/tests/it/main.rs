//! The daemon against a fake server, over real sockets.

mod client;
mod delivery;
mod doors;
mod engines;
mod late;
mod limits;
mod privacy;
mod segments;
mod upstream;
mod world;
