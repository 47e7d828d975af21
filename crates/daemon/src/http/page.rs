//! The page at `/`: what the daemon does, in counts that everybody on this machine may see.
//!
//! It is drawn here, without a script, and shows no text, key or payload: those need the operator's
//! token, at `/v1/egress`.

mod content;
mod render;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use modelstat_door::{is_for_this_machine, refuse};
use modelstat_wire::Timestamp;

use super::{App, answer};
use crate::database::DatabaseError;
use content::Content;

/// How long a page is shown again as it is: who asks without end must not keep the queues busy.
const KEPT: Duration = Duration::from_millis(500);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Nothing may be loaded, run, sent or framed but our style sheet.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The page as it was last made.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Option<(Instant, Arc<Content>)>>);

pub(super) async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    // A listener that other machines reach shows them nothing.
    if !is_for_this_machine(&request, app.address) {
        return answer::OTHER_MACHINE.into_response();
    }
    let is_html = wants_html(request.headers());
    drop(request);
    // Most of who asks too often gets by without the threads that batches need.
    let kept = app.page.0.try_lock().ok().and_then(|kept| fresh(kept.as_ref()));
    let content = match kept {
        Some(content) => Ok(Ok(content)),
        None => tokio::task::spawn_blocking(move || content(&app)).await,
    };
    match content {
        Ok(Ok(content)) if is_html => closed(render::html(&content), "text/html; charset=utf-8"),
        Ok(Ok(content)) => closed(render::text(&content), "text/plain; charset=utf-8"),
        Ok(Err(error)) => {
            tracing::error!(%error, "the status could not be read");
            refuse::STORE.into_response()
        }
        Err(_) => refuse::PANICKED.into_response(),
    }
}

pub(super) async fn style() -> Response {
    closed(include_str!("page/status.css").to_owned(), "text/css; charset=utf-8")
}

/// Browsers name HTML; programs that name nothing get text.
fn wants_html(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    given.any(|value| value.contains("text/html"))
}

fn content(app: &App) -> Result<Arc<Content>, DatabaseError> {
    let mut kept = app.page.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(content) = fresh(kept.as_ref()) {
        return Ok(content);
    }
    let status = (app.reports.status)()?;
    let midnight = Timestamp::from_millis(i64::from(status.now.utc_day()) * DAY_MS);
    let sent = app.reports.ledger.sent_since(midnight)?;
    let content = Arc::new(Content::of(&status, sent));
    *kept = Some((Instant::now(), Arc::clone(&content)));
    Ok(content)
}

fn fresh(kept: Option<&(Instant, Arc<Content>)>) -> Option<Arc<Content>> {
    let (_, content) = kept.filter(|(at, _)| at.elapsed() < KEPT)?;
    Some(Arc::clone(content))
}

fn closed(body: String, kind: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
