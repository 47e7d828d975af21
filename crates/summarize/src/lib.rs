//! Segments of a session, and the short abstract made of each.
