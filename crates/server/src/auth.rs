//! Who asks.

use axum::http::HeaderMap;
use modelstat_door::{Refusal, bearer, refuse};
use modelstat_store::{DirectoryError, Key, Scope};

use crate::state::State;

/// Finds the key of a request and checks that it allows what is asked.
pub(crate) fn authorize(state: &State, headers: &HeaderMap, needed: Scope) -> Result<Key, Refusal> {
    authorize_one_of(state, headers, &[needed])
}

/// Finds the key of a request and checks that it allows one of several things, of which the first is told
/// to whom none is allowed.
pub(crate) fn authorize_one_of(
    state: &State,
    headers: &HeaderMap,
    needed: &[Scope],
) -> Result<Key, Refusal> {
    let secret = bearer(headers).ok_or(refuse::NO_KEY)?;
    let found = state
        .directory
        .authenticate(secret, state.clock.now())
        .map_err(|error| unavailable(&error))?;
    let Some(key) = found else {
        return Err(refuse::NO_KEY.because(
            "the key is unknown, revoked or expired: make one with `modelstat keys create`",
        ));
    };
    if needed.iter().any(|needed| key.scope.allows(*needed)) {
        return Ok(key);
    }
    let (has, wants) =
        (key.scope.as_str(), needed.first().map_or("none", |needed| needed.as_str()));
    Err(refuse::FORBIDDEN.because(format!(
        "the key has scope `{has}`, this needs `{wants}`: `modelstat keys create --scope {wants}`"
    )))
}

/// Checks that the operator of this machine asks.
pub(crate) fn authorize_operator(state: &State, headers: &HeaderMap) -> Result<(), Refusal> {
    if state.operator.matches(bearer(headers).ok_or(refuse::NO_KEY)?) {
        return Ok(());
    }
    Err(refuse::NO_KEY.because("this needs the token of the running process, from its run.json"))
}

pub(crate) fn unavailable(error: &DirectoryError) -> Refusal {
    tracing::error!(%error, "the directory failed");
    refuse::STORE.because("the directory of keys is not available")
}
