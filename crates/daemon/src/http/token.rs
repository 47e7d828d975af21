//! Secrets at the door: the operator's, and the one that other users of the machine don't have.

use axum::http::HeaderMap;
use modelstat_door::{Refusal, Via, bearer};
use modelstat_engine::Secret;

use super::{App, answer};

/// Carries the secret of `daemon.token`, as `Authorization` carries the key.
const TOKEN_HEADER: &str = "modelstat-daemon-token";

/// Lets in who brings the token of this process, or that of `daemon.token`.
pub(super) fn check_operator(app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = bearer(headers).ok_or(answer::NOT_ADMIN)?;
    let is_lasting = app.token.as_ref().is_some_and(|token| is_same(given, token));
    if is_same(given, &app.admin_token) || is_lasting { Ok(()) } else { Err(answer::NOT_ADMIN) }
}

/// Where the secret is asked for, lets in who brings it. The unix socket opens to its owner alone, who
/// could read the secret too.
pub(super) fn check_sender(
    app: &App,
    via: Option<Via>,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    if !app.requires_token || via == Some(Via::Unix) {
        return Ok(());
    }
    let given = headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok());
    let token = app.token.as_ref();
    let is_known = token.zip(given).is_some_and(|(token, given)| is_same(given.trim(), token));
    if is_known { Ok(()) } else { Err(answer::DAEMON_TOKEN) }
}

/// Compares digests, which takes the same time wherever the two differ.
fn is_same(given: &str, wanted: &Secret) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(wanted.expose().as_bytes())
}
