//! The daemon against a fake server, over real sockets.

mod client;
mod delivery;
mod device;
mod doors;
mod privacy;
mod segments;
mod upstream;
mod world;
