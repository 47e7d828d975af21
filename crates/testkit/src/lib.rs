//! Fake upstream, sample data and the leak scanner, for tests.
