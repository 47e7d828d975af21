//! The server on its stores, over real sockets: whole turns, their abstracts, and the end of their text.

mod engines;
mod http_engine;
mod model;
mod raw;
mod room;
mod world;
