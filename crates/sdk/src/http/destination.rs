//! Where batches go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::Mode;

/// The path of batches, where a unix socket's address names none.
const INGEST_PATH: &str = "/v1/ingest";

/// Where batches go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// This machine.
    Here(Host),
    /// Another one, by its address.
    Elsewhere(String),
    /// The address cannot be read.
    Nowhere,
}

/// A listener on this machine, and the path that batches are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) listener: Listener,
    /// The `Host` header.
    pub(crate) name: String,
    pub(crate) path: String,
}

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// The first of these that answers; loopback addresses all.
    Tcp(Vec<SocketAddr>),
    /// A unix socket.
    Unix(PathBuf),
}

impl Destination {
    pub(crate) fn of(mode: &Mode) -> Self {
        Self::parse(&mode.endpoint())
    }

    /// Whether text that is sent there stays on this machine.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    fn parse(url: &str) -> Self {
        // A control character or space has no place in an address, and would end a header line.
        if url.is_empty() || url.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Self::Nowhere;
        }
        if let Some(path) = url.strip_prefix("unix:") {
            return Self::unix(path);
        }
        let Some((scheme, rest)) = url.split_once("://") else { return Self::Nowhere };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let is_plain = scheme.eq_ignore_ascii_case("http");
        if authority.is_empty() || !(is_plain || scheme.eq_ignore_ascii_case("https")) {
            return Self::Nowhere;
        }
        // Credentials in an address are not for us, and an `@` could disguise the host.
        if !is_plain || authority.contains('@') {
            return Self::Elsewhere(url.to_owned());
        }
        match loopback_addresses(authority) {
            Some(addresses) => Self::Here(Host {
                listener: Listener::Tcp(addresses),
                name: authority.to_owned(),
                path: path.to_owned(),
            }),
            None => Self::Elsewhere(url.to_owned()),
        }
    }

    fn unix(path: &str) -> Self {
        let socket = path.strip_prefix("//").unwrap_or(path);
        if !socket.starts_with('/') || !cfg!(unix) {
            return Self::Nowhere;
        }
        Self::Here(Host {
            listener: Listener::Unix(PathBuf::from(socket)),
            name: "localhost".into(),
            path: INGEST_PATH.into(),
        })
    }
}

/// Whether a host, with or without a port, is this machine.
#[cfg(feature = "https")]
pub(crate) fn is_this_machine(authority: &str) -> bool {
    loopback_addresses(authority).is_some()
}

/// The addresses of a host that is this machine without asking anybody; `localhost` is not looked up,
/// since the answer could be another machine.
fn loopback_addresses(authority: &str) -> Option<Vec<SocketAddr>> {
    let (host, port) = split_port(authority)?;
    if host.eq_ignore_ascii_case("localhost") {
        let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
        return Some([v4, IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|ip| (ip, port).into()).to_vec());
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ip: IpAddr = bare.parse().ok()?;
    ip.is_loopback().then(|| vec![(ip, port).into()])
}

fn split_port(authority: &str) -> Option<(&str, u16)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, port.parse().ok()?)),
        _ => Some((authority, 80)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, is_here: bool) {
        assert_eq!(Destination::parse(url).is_on_this_machine(), is_here, "{url}");
    }

    #[test]
    fn this_machine_is_told_from_others() {
        check("http://127.0.0.1:4319/v1/ingest", true);
        check("http://127.8.9.1/v1/ingest", true);
        check("HTTP://LocalHost:4319", true);
        check("http://[::1]:4319/v1/ingest", true);
        check("unix:/run/modelstat.sock", true);
        check("unix:///run/modelstat.sock", true);
        check("https://127.0.0.1:4320", false);
        check("http://10.0.0.5:4320/v1/ingest", false);
        check("http://127.0.0.1@evil.example/v1/ingest", false);
        check("http://127.0.0.1.evil.example/v1/ingest", false);
        check("http://localhost.evil.example/", false);
    }

    #[test]
    fn what_is_no_address_leads_nowhere() {
        for url in ["", "127.0.0.1:4319", "ftp://host/", "http://", "http://a\r\nb/", "unix:x"] {
            assert_eq!(Destination::parse(url), Destination::Nowhere, "{url:?}");
        }
    }
}
