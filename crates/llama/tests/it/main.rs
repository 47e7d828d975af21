//! The engine against models with random weights.

mod serve;
