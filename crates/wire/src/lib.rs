//! Types, ids and limits of everything that crosses a process boundary.
