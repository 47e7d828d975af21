//! Refusals: a status, a code for programs and a sentence for people, never a value.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: std::borrow::Cow<'static, str>,
    retry_after_s: Option<u16>,
}

/// Marks a response as a refusal, so that it is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefusalCode(pub(super) &'static str);

impl Refusal {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message: std::borrow::Cow::Borrowed(message), retry_after_s: None }
    }

    const fn later(mut self, seconds: u16) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// A body that cannot be read, in the parser's words, which hold no value.
    pub(super) fn unreadable(why: &modelstat_wire::ParseError) -> Self {
        Self { message: why.to_string().into(), ..refuse::UNREADABLE }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.code, "message": self.message });
        let mut response = (self.status, axum::Json(body)).into_response();
        response.extensions_mut().insert(RefusalCode(self.code));
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// Every refusal.
pub(super) mod refuse {
    use super::{Refusal, StatusCode};

    type S = StatusCode;

    /// Seconds after which a full spool is worth another try.
    const SPOOL_RETRY: u16 = 30;

    pub(in super::super) const HOST: Refusal = Refusal::new(
        S::FORBIDDEN,
        "host_not_local",
        "the Host header names another machine; send to 127.0.0.1 or localhost with the daemon's port",
    );
    pub(in super::super) const CROSS_ORIGIN: Refusal = Refusal::new(
        S::FORBIDDEN,
        "cross_origin",
        "requests of web pages are refused; send from a program",
    );
    pub(in super::super) const NO_KEY: Refusal = Refusal::new(
        S::UNAUTHORIZED,
        "unauthorized",
        "no usable key; send `Authorization: Bearer <ingest key>` with at most 512 printable characters",
    );
    pub(in super::super) const NOT_ADMIN: Refusal = Refusal::new(
        S::UNAUTHORIZED,
        "unauthorized",
        "this needs the admin token of the daemon's `run.json`; `modelstat status` reads it",
    );
    pub(in super::super) const CONTENT_TYPE: Refusal = Refusal::new(
        S::UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        "send `Content-Type: application/json`",
    );
    pub(in super::super) const CONTENT_ENCODING: Refusal = Refusal::new(
        S::UNSUPPORTED_MEDIA_TYPE,
        "content_encoding",
        "send the body plain, or with `Content-Encoding: gzip` or `zstd`",
    );
    pub(in super::super) const TOO_LARGE: Refusal = Refusal::new(
        S::PAYLOAD_TOO_LARGE,
        "too_large",
        "the decompressed body is larger than this endpoint takes; split the batch",
    );
    pub(in super::super) const UNREADABLE: Refusal =
        Refusal::new(S::BAD_REQUEST, "unreadable", "the body cannot be read");
    pub(in super::super) const COMPRESSION: Refusal = Refusal::new(
        S::BAD_REQUEST,
        "unreadable",
        "the body cannot be decompressed as its Content-Encoding says",
    );
    pub(in super::super) const CUT_SHORT: Refusal =
        Refusal::new(S::BAD_REQUEST, "unreadable", "the body ended early");
    pub(in super::super) const TOO_SLOW: Refusal =
        Refusal::new(S::REQUEST_TIMEOUT, "too_slow", "the body took too long to arrive");
    pub(in super::super) const BUSY: Refusal =
        Refusal::new(S::SERVICE_UNAVAILABLE, "busy", "too many bodies are in memory; try again")
            .later(1);
    pub(in super::super) const SPOOL_FULL: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "spool_full",
        "the spool is full, as the server has not taken events for long; see `modelstat status`",
    )
    .later(SPOOL_RETRY);
    pub(in super::super) const KEY_FULL: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "key_share_full",
        "this key holds its half of the spool; see `modelstat status`",
    )
    .later(SPOOL_RETRY);
    pub(in super::super) const DISK_FULL: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "disk_reserve",
        "free disk space is below the reserve; make room",
    )
    .later(SPOOL_RETRY);
    pub(in super::super) const KEYS_FULL: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "too_many_keys",
        "the daemon holds as many keys as it takes; give it a key of its own",
    )
    .later(SPOOL_RETRY);
    pub(in super::super) const STORE: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "unavailable",
        "the daemon's store failed; nothing was taken, try again",
    )
    .later(5);
    pub(in super::super) const STOPPING: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "stopping",
        "the daemon is stopping; nothing was taken, try again",
    )
    .later(5);
    pub(in super::super) const PANICKED: Refusal = Refusal::new(
        S::INTERNAL_SERVER_ERROR,
        "internal",
        "the daemon failed; nothing of this request was taken",
    );
    pub(in super::super) const NOT_FOUND: Refusal = Refusal::new(
        S::NOT_FOUND,
        "not_found",
        "there is nothing here; send batches to /v1/ingest",
    );
    pub(in super::super) const METHOD: Refusal = Refusal::new(
        S::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path takes another method; batches are sent with POST",
    );
    pub(in super::super) const QUERY: Refusal = Refusal::new(
        S::BAD_REQUEST,
        "invalid_query",
        "`after` and `limit` are whole numbers; `limit` is at most 1000",
    );
}
