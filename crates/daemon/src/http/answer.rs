//! The refusals that only a daemon has.

use axum::http::StatusCode;
use modelstat_door::Refusal;

type S = StatusCode;

/// Seconds after which a full spool is worth another try.
const SPOOL_RETRY: u16 = 30;

pub(super) const NOT_ADMIN: Refusal = Refusal::new(
    S::UNAUTHORIZED,
    "unauthorized",
    "this needs a bearer: the token in the daemon's `run.json`, or in `daemon.token` of its data directory; `modelstat status` reads it",
);
pub(super) const DAEMON_TOKEN: Refusal = Refusal::new(
    S::UNAUTHORIZED,
    "daemon_token",
    "this daemon takes batches from its own user only; send the content of `daemon.token` in its data directory as `Modelstat-Daemon-Token`, set MODELSTAT_DAEMON_TOKEN_FILE, or send to its unix socket",
);
pub(super) const OTHER_MACHINE: Refusal = Refusal::new(
    S::FORBIDDEN,
    "other_machine",
    "this page is for the machine that the daemon runs on; open it there",
);
pub(super) const SPOOL_FULL: Refusal = Refusal::new(
    S::SERVICE_UNAVAILABLE,
    "spool_full",
    "the spool is full, as the server has not taken events for long; see `modelstat status`",
)
.later(SPOOL_RETRY);
pub(super) const KEY_FULL: Refusal = Refusal::new(
    S::SERVICE_UNAVAILABLE,
    "key_share_full",
    "this key holds its half of the spool; see `modelstat status`",
)
.later(SPOOL_RETRY);
pub(super) const KEYS_FULL: Refusal = Refusal::new(
    S::SERVICE_UNAVAILABLE,
    "too_many_keys",
    "the daemon holds as many keys as it takes; give it a key of its own",
)
.later(SPOOL_RETRY);
pub(super) const NOT_FOUND: Refusal =
    Refusal::new(S::NOT_FOUND, "not_found", "there is nothing here; send batches to /v1/ingest");
pub(super) const METHOD: Refusal = Refusal::new(
    S::METHOD_NOT_ALLOWED,
    "method_not_allowed",
    "this path takes another method; batches are sent with POST",
);
pub(super) const QUERY: Refusal = Refusal::new(
    S::BAD_REQUEST,
    "invalid_query",
    "`after`, `tail` and `limit` are whole numbers, `since` is a time; `limit` is at most 1000",
);
