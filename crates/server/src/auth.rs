//! Who asks.

use axum::http::{HeaderMap, header};
use modelstat_door::Refusal;
use modelstat_store::{DirectoryError, Key, Scope};

use crate::state::State;

/// Longest accepted credential.
const MAX_BEARER_CHARS: usize = 512;

/// Finds the key of a request and checks that it allows what is asked.
pub(crate) fn authorize(state: &State, headers: &HeaderMap, needed: Scope) -> Result<Key, Refusal> {
    let secret = bearer(headers)?;
    let found = state.directory.authenticate(secret, state.clock.now()).map_err(unavailable)?;
    let Some(key) = found else {
        return Err(Refusal::unauthorized(
            "the key is unknown, revoked or expired: make one with `modelstat keys create`",
        ));
    };
    if key.scope.allows(needed) {
        return Ok(key);
    }
    let (has, wants) = (key.scope.as_str(), needed.as_str());
    Err(Refusal::forbidden(format!(
        "the key has scope `{has}`, this needs `{wants}`: `modelstat keys create --scope {wants}`"
    )))
}

/// Checks that the operator of this machine asks.
pub(crate) fn authorize_operator(state: &State, headers: &HeaderMap) -> Result<(), Refusal> {
    if state.operator.matches(bearer(headers)?) {
        return Ok(());
    }
    Err(Refusal::unauthorized("this needs the token of the running process, from its run.json"))
}

pub(crate) fn unavailable(error: DirectoryError) -> Refusal {
    tracing::error!(%error, "the directory failed");
    Refusal::unavailable("the directory of keys is not available")
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, secret) = value.and_then(|value| value.split_once(' ')).unwrap_or(("", ""));
    let secret = secret.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || secret.is_empty() {
        return Err(Refusal::unauthorized("send the key as `Authorization: Bearer <key>`"));
    }
    if secret.len() > MAX_BEARER_CHARS {
        return Err(Refusal::unauthorized("the key is too long to be one of ours"));
    }
    Ok(secret)
}
