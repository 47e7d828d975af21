//! The engine on models that the tests write: its numbers against plain arithmetic, its tokens against
//! plain merging, its answers against what reads them.

mod logits;
mod reference;
mod serve;
mod support;
mod tokens;
