//! Keeps web pages out: a browser runs on the same machine and posts wherever a page tells it to.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};

use crate::refusal::{Refusal, refuse};
use crate::serve::Via;

/// Longest key that is taken: those of published clients have below 100 characters.
const MAX_KEY_CHARS: usize = 512;

/// Checks host, origin and what the browser says of the page.
pub(crate) fn check(request: &Request, address: SocketAddr) -> Result<(), Refusal> {
    let headers = request.headers();
    if Via::of(request) == Some(Via::Unix) {
        // No page reaches a unix socket, unless through a program that passes requests on.
        return if is_browser(headers) { Err(refuse::CROSS_ORIGIN) } else { Ok(()) };
    }
    // Behind another name a page of that name would be of the same origin (DNS rebinding).
    if address.ip().is_loopback() && !is_local_host(request, address.port()) {
        return Err(refuse::HOST);
    }
    let origins = headers.get_all(header::ORIGIN);
    if !origins.iter().all(|origin| is_own_origin(origin, headers)) {
        return Err(refuse::CROSS_ORIGIN);
    }
    let site = headers.get_all("sec-fetch-site");
    if !site.iter().all(|site| site == "same-origin" || site == "none") {
        return Err(refuse::CROSS_ORIGIN);
    }
    Ok(())
}

/// Whether a request came from this machine and names it, whatever the listener's address is.
pub fn is_for_this_machine(request: &Request, address: SocketAddr) -> bool {
    match Via::of(request) {
        Some(Via::Unix) => true,
        Some(via) => via.is_this_machine() && is_local_host(request, address.port()),
        None => false,
    }
}

/// Whether a browser sent this; programs set neither header.
fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"))
}

/// A page may post text and forms anywhere without asking first; a program's wrong label is forgiven.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    if !is_browser(headers) {
        return Ok(());
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = given.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(refuse::CONTENT_TYPE)
}

/// The key of an `Authorization: Bearer` header, if it is one that can be kept on a line.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    let is_usable = !secret.is_empty()
        && secret.len() <= MAX_KEY_CHARS
        && secret.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && is_usable).then_some(secret)
}

fn is_local_host(request: &Request, port: u16) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let is_local = |host: &str| is_local_name(host, port);
    let absolute = request.uri().authority().is_none_or(|authority| is_local(authority.as_str()));
    absolute && host.to_str().is_ok_and(is_local)
}

fn is_local_name(host: &str, port: u16) -> bool {
    let (name, given) = split_port(host);
    let has_port = match given {
        Some(given) => given.bytes().all(|byte| byte.is_ascii_digit()) && given.parse() == Ok(port),
        None => port == 80,
    };
    has_port && is_local(name)
}

fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Splits `host:port`, where the host may be a bracketed IPv6 address.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Our own pages are of the origin that the request is sent to.
fn is_own_origin(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    matches!((origin, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_host(host: &str, is_taken: bool) {
        assert_eq!(is_local_name(host, 4319), is_taken, "{host}");
    }

    #[test]
    fn only_names_of_this_machine_with_our_port_are_taken() {
        check_host("127.0.0.1:4319", true);
        check_host("127.8.9.10:4319", true);
        check_host("localhost:4319", true);
        check_host("LocalHost.:4319", true);
        check_host("[::1]:4319", true);
        check_host("127.0.0.1", false);
        check_host("localhost:80", false);
        check_host("[::1]", false);
        check_host("127.0.0.1.nip.io:4319", false);
        check_host("evil.example:4319", false);
        check_host("localhost.evil.example:4319", false);
        check_host("0.0.0.0:4319", false);
        check_host("[::]:4319", false);
        check_host("[::ffff:10.0.0.1]:4319", false);
        check_host("jane@127.0.0.1:4319", false);
        check_host("127.0.0.1:+4319", false);
        check_host("127.0.0.1:4319:4319", false);
        check_host("localhost..:4319", false);
        check_host("", false);
    }

    fn request(headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::new(axum::body::Body::empty());
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn check_request(headers: &[(&'static str, &'static str)], is_taken: bool) {
        let address = SocketAddr::from(([127, 0, 0, 1], 4319));
        assert_eq!(check(&request(headers), address).is_ok(), is_taken, "{headers:?}");
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let host = ("host", "127.0.0.1:4319");
        check_request(&[host], true);
        check_request(&[host, ("origin", "http://127.0.0.1:4319")], true);
        check_request(&[host, ("origin", "http://127.0.0.1:3000")], false);
        check_request(&[host, ("origin", "https://evil.example")], false);
        check_request(&[host, ("origin", "null")], false);
        check_request(&[host, ("sec-fetch-site", "cross-site")], false);
        check_request(&[host, ("sec-fetch-site", "same-site")], false);
        check_request(&[host, ("sec-fetch-site", "none")], true);
        check_request(&[], false);
        check_request(&[host, ("host", "evil.example")], false);
    }
}
