//! The daemon against a fake server, over real sockets.

mod client;
mod delivery;
mod device;
mod doors;
mod engines;
mod heads;
mod http_engine;
mod late;
mod limits;
mod models;
mod page;
mod privacy;
mod proof;
mod reach;
mod segments;
mod spool;
mod upstream;
mod world;
