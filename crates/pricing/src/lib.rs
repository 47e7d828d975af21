//! The dated price book, and the cost of an event in integer pico-USD.
