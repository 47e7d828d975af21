//! Ledger, directory and inbox: the three traits and their embedded engines.
