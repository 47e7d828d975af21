//! The HTTP door of daemon and server: a bounded listener, loopback rules, bounded bodies.
//!
//! Both processes meet hostile input at the same place, so the rules stand once: [`serve`] bounds
//! connections and heads, [`around`] refuses what a web page could have sent and answers a panic,
//! [`receive`] bounds bytes before and while decompressing, and [`Refusal`] is the one shape of an
//! error. It knows no route and no store.

mod body;
mod budget;
mod connections;
mod framing;
mod guard;
mod refusal;
mod serve;

pub use body::{Received, receive};
pub use budget::BodyBudget;
pub use guard::{bearer, check_content_type, is_for_this_machine};
pub use refusal::{Refusal, RefusalCode, RefusalCounts, refuse};
pub use serve::{Limits, Listener, Stop, Via, around, serve};
