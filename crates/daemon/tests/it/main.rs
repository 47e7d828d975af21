//! The daemon against a fake server, over real sockets.

mod client;
mod delivery;
mod doors;
mod heads;
mod page;
mod privacy;
mod reach;
mod segments;
mod upstream;
mod world;
