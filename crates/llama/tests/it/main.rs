//! The engine on models that the tests write: its numbers against plain arithmetic, its tokens against
//! plain merging, its answers against what reads them.

mod answers;
mod asked;
mod leaks;
mod logits;
mod real;
mod reference;
mod rouge;
mod serve;
mod support;
mod tokens;
