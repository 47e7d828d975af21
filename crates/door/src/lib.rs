//! The HTTP door of daemon and server: a bounded listener, loopback rules, bounded bodies.
//!
//! Both processes meet hostile input at the same place, so the rules stand once: [`serve`] bounds
//! connections and the time for headers, [`LoopbackRules`] refuse what a web page could have sent,
//! [`read_body`] bounds bytes before and while decompressing, and [`Refusal`] is the one shape of an
//! error. It knows no route and no store.

mod body;
mod loopback;
mod refusal;
mod serve;

pub use body::{BodyBudget, read_body};
pub use loopback::LoopbackRules;
pub use refusal::Refusal;
pub use serve::{ListenError, Listener, Serving, serve};
