//! Refusals: a status, a code for programs and a sentence for people, never a value of the request.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    retry_after_s: Option<u16>,
}

/// Marks a response as a refusal, so that whoever answers can count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalCode(pub &'static str);

/// How often something was refused, by code.
#[derive(Debug, Default)]
pub struct RefusalCounts(Mutex<BTreeMap<&'static str, u64>>);

impl RefusalCounts {
    /// Counts one more.
    pub fn count(&self, code: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// Returns the counts since the start.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Refusal {
    /// Refuses in fixed words.
    pub const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message: Cow::Borrowed(message), retry_after_s: None }
    }

    /// Says when to come back.
    #[must_use]
    pub const fn later(mut self, seconds: u16) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Says it in other words of ours.
    #[must_use]
    pub fn because(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// Returns the status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Writes it as a whole answer, for a connection that no request was read of.
    pub(crate) fn as_last_words(&self) -> String {
        let body = self.body().to_string();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }

    fn body(&self) -> serde_json::Value {
        serde_json::json!({ "error": self.code, "message": self.message })
    }

    /// Returns the code.
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
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

/// The refusals that daemon and server share.
pub mod refuse {
    use super::{Refusal, StatusCode};

    type S = StatusCode;

    /// The request was sent to another name than this machine's: DNS rebinding.
    pub const HOST: Refusal = Refusal::new(
        S::FORBIDDEN,
        "host_not_local",
        "the Host header names another machine; send to 127.0.0.1 or localhost with this port",
    );
    /// A web page sent it.
    pub const CROSS_ORIGIN: Refusal = Refusal::new(
        S::FORBIDDEN,
        "cross_origin",
        "requests of other web pages are refused; send from a program",
    );
    /// There is no usable key.
    pub const NO_KEY: Refusal = Refusal::new(
        S::UNAUTHORIZED,
        "unauthorized",
        "no usable key; send `Authorization: Bearer <key>` with at most 512 printable characters",
    );
    /// The key does not allow it.
    pub const FORBIDDEN: Refusal =
        Refusal::new(S::FORBIDDEN, "forbidden", "the key does not allow this");
    /// A page posted what needs no preflight.
    pub const CONTENT_TYPE: Refusal = Refusal::new(
        S::UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        "send `Content-Type: application/json`",
    );
    /// The encoding is none of ours.
    pub const CONTENT_ENCODING: Refusal = Refusal::new(
        S::UNSUPPORTED_MEDIA_TYPE,
        "content_encoding",
        "send the body plain, or with `Content-Encoding: gzip` or `zstd`",
    );
    /// The body is too large.
    pub const TOO_LARGE: Refusal = Refusal::new(
        S::PAYLOAD_TOO_LARGE,
        "too_large",
        "the decompressed body is larger than this endpoint takes; split the batch",
    );
    /// The body cannot be read.
    pub const UNREADABLE: Refusal =
        Refusal::new(S::BAD_REQUEST, "unreadable", "the body cannot be read");
    /// The body is not compressed as it says.
    pub const COMPRESSION: Refusal = Refusal::new(
        S::BAD_REQUEST,
        "unreadable",
        "the body cannot be decompressed as its Content-Encoding says",
    );
    /// The body ended early.
    pub const CUT_SHORT: Refusal =
        Refusal::new(S::BAD_REQUEST, "unreadable", "the body ended early");
    /// The body took too long.
    pub const TOO_SLOW: Refusal =
        Refusal::new(S::REQUEST_TIMEOUT, "too_slow", "the body took too long to arrive");
    /// The head took too long.
    pub const HEAD_TOO_SLOW: Refusal = Refusal::new(
        S::REQUEST_TIMEOUT,
        "head_too_slow",
        "the request's headers took too long to arrive",
    );
    /// The end of the body is told in two ways.
    pub const TWO_LENGTHS: Refusal = Refusal::new(
        S::BAD_REQUEST,
        "two_lengths",
        "the request has both Content-Length and Transfer-Encoding; send one of them",
    );
    /// The head is too large.
    pub const HEAD_TOO_LARGE: Refusal = Refusal::new(
        S::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "head_too_large",
        "the request's headers are larger than 64 KiB; send fewer or shorter ones",
    );
    /// Too many bodies are in memory.
    pub const BUSY: Refusal =
        Refusal::new(S::SERVICE_UNAVAILABLE, "busy", "too many bodies are in memory; try again")
            .later(1);
    /// The disk is nearly full.
    pub const DISK_FULL: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "disk_reserve",
        "free disk space is below the reserve; make room",
    )
    .later(30);
    /// A store failed.
    pub const STORE: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "unavailable",
        "a store failed; nothing was taken, try again",
    )
    .later(5);
    /// The process is stopping.
    pub const STOPPING: Refusal = Refusal::new(
        S::SERVICE_UNAVAILABLE,
        "stopping",
        "this process is stopping; nothing was taken, try again",
    )
    .later(5);
    /// A broken invariant of ours.
    pub const PANICKED: Refusal = Refusal::new(
        S::INTERNAL_SERVER_ERROR,
        "internal",
        "this process failed; nothing of this request was taken",
    );
    /// There is no such thing.
    pub const NOT_FOUND: Refusal = Refusal::new(S::NOT_FOUND, "not_found", "there is nothing here");
    /// The path takes another method.
    pub const METHOD: Refusal =
        Refusal::new(S::METHOD_NOT_ALLOWED, "method_not_allowed", "this path takes another method");
    /// The request is malformed.
    pub const MALFORMED: Refusal = Refusal::new(
        S::BAD_REQUEST,
        "invalid_request",
        "the request cannot be read; docs/protocol.md describes it",
    );
    /// The question is malformed.
    pub const QUERY: Refusal =
        Refusal::new(S::BAD_REQUEST, "invalid_query", "the question cannot be asked");
}
