//! The HTTP door of daemon and server: a bounded listener, loopback rules, bounded bodies.
//!
//! Both processes meet hostile input at the same place, so the rules stand once: [`serve`] bounds
//! connections and heads, [`around`] refuses what a web page could have sent and answers a panic,
//! [`receive`] bounds bytes before and while decompressing, and [`Refusal`] is the one shape of an
//! error. It knows no route and no store.

mod body;
mod guard;
mod refusal;
mod serve;

pub use body::{BodyBudget, Received, receive};
pub use guard::{bearer, check_content_type};
pub use refusal::{Refusal, RefusalCode, refuse};
pub use serve::{Limits, Peer, Stop, around, serve};
