//! What a web page in a browser on this machine must not be able to do.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, StatusCode, header};

use crate::Refusal;

/// The content types that a browser posts without asking first.
const SIMPLE_TYPES: [&str; 3] =
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];

/// The rules of a listener: strict on loopback, where no key guards the door by itself.
#[derive(Clone, Debug)]
pub struct LoopbackRules {
    address: SocketAddr,
}

impl LoopbackRules {
    /// Makes the rules of a listener at an address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Refuses what a page could have sent: a name that was rebound to loopback, a foreign origin,
    /// a cross-site fetch, a post that needs no preflight.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.address.ip().is_loopback() {
            return Ok(());
        }
        self.check_host(headers)?;
        self.check_origin(headers)?;
        let site = headers.get("sec-fetch-site").map(axum::http::HeaderValue::as_bytes);
        if matches!(site, Some(b"cross-site" | b"same-site")) {
            return Err(foreign("requests of other web pages are refused"));
        }
        let is_from_page = site.is_some() || headers.contains_key(header::ORIGIN);
        if is_from_page && has_simple_type(headers) {
            let message = "a page may post only `application/json`";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message));
        }
        Ok(())
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        match host.and_then(|host| self.parse_authority(host)) {
            Some(()) => Ok(()),
            None => Err(foreign("the Host header must name this machine's loopback address")),
        }
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let authority = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        match authority.and_then(|authority| self.parse_authority(authority)) {
            Some(()) => Ok(()),
            None => Err(foreign("requests of other origins are refused")),
        }
    }

    /// Accepts `host[:port]` when the host is loopback and the port is ours.
    fn parse_authority(&self, authority: &str) -> Option<()> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()?),
            _ => (authority, 80),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_local = bare.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        (is_local && port == self.address.port()).then_some(())
    }
}

fn foreign(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "foreign_request", message)
}

fn has_simple_type(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return headers.contains_key(header::CONTENT_LENGTH);
    };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    SIMPLE_TYPES.iter().any(|simple| kind.eq_ignore_ascii_case(simple))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&str, &str)], allowed: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().expect("a header name");
            map.insert(name, value.parse().expect("a header value"));
        }
        let rules = LoopbackRules::new(([127, 0, 0, 1], 4319).into());
        assert_eq!(rules.check(&map).is_ok(), allowed, "{headers:?}");
    }

    #[test]
    fn loopback_names_pass() {
        check(&[("host", "127.0.0.1:4319")], true);
        check(&[("host", "localhost:4319")], true);
        check(&[("host", "[::1]:4319")], true);
        check(&[("host", "127.0.0.1:4319"), ("origin", "http://127.0.0.1:4319")], true);
    }

    #[test]
    fn rebound_names_other_ports_and_foreign_origins_do_not() {
        check(&[], false);
        check(&[("host", "evil.example:4319")], false);
        check(&[("host", "localhost.evil.example:4319")], false);
        check(&[("host", "127.0.0.1")], false);
        check(&[("host", "127.0.0.1:4320")], false);
        check(&[("host", "127.0.0.1:4319"), ("origin", "https://evil.example")], false);
        check(&[("host", "127.0.0.1:4319"), ("origin", "null")], false);
        check(&[("host", "127.0.0.1:4319"), ("origin", "http://127.0.0.1:9999")], false);
        check(&[("host", "127.0.0.1:4319"), ("sec-fetch-site", "cross-site")], false);
    }

    #[test]
    fn a_page_cannot_post_without_preflight() {
        let page = ("sec-fetch-site", "same-origin");
        check(&[("host", "localhost:4319"), page, ("content-type", "text/plain")], false);
        check(&[("host", "localhost:4319"), page, ("content-type", "application/json")], true);
    }
}
