//! What every engine must keep: one suite a store, called by each engine's tests.

pub(crate) mod directory;
pub(crate) mod inbox;
pub(crate) mod ledger;
pub(crate) mod sample;
