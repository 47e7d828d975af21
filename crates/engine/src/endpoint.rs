//! Where an engine over HTTP is, and whether a text may go there.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::openai::HttpOptions;
use crate::secret::Secret;

/// An engine over HTTP, as whoever asks it is told of it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The API's address, such as `http://127.0.0.1:11434/v1`.
    pub url: String,
    /// Whether it may be on another machine, to which redacted text then leaves.
    pub allows_other_machines: bool,
    /// The key that it asks for.
    pub key: Option<Secret>,
    /// The model, and how it is asked.
    pub http: HttpOptions,
}

/// An engine's address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is no `http` or `https` address with a host.
    #[error("the engine's address is no http or https address, or holds a password or parameters")]
    Address,
    /// Nobody said that redacted text may leave the machine for it.
    #[error("the engine's address is not on this machine")]
    NotLoopback,
}

/// What an endpoint's address says before anybody is asked. Names are looked up later, at each connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The address without a slash at its end.
    pub(crate) base: String,
    /// Host, port and path.
    pub(crate) destination: String,
    /// Whether it may be on another machine.
    pub(crate) is_remote: bool,
}

impl Endpoint {
    pub(crate) fn place(&self) -> Result<Place, EndpointError> {
        let base = self.url.trim_end_matches('/');
        let destination = destination(base).map_err(|_| EndpointError::Address)?;
        let uri: Uri = base.parse().map_err(|_| EndpointError::Address)?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        let is_here = address.map_or(host.eq_ignore_ascii_case("localhost"), |address| {
            address.to_canonical().is_loopback()
        });
        if address.is_some() && !is_here && !self.allows_other_machines {
            return Err(EndpointError::NotLoopback);
        }
        let is_remote = !is_here && self.allows_other_machines;
        Ok(Place { base: base.to_owned(), destination, is_remote })
    }

    /// Checks the address without asking anybody.
    pub fn check(&self) -> Result<(), EndpointError> {
        self.place().map(drop)
    }
}

/// An address names no place that can be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no `http` or `https` address with a host, or has parameters.
    #[error("it is no http or https address")]
    Form,
    /// It holds a user or a password, which would stand wherever it is written down.
    #[error("it holds a user or a password")]
    Userinfo,
}

/// Returns host, port and path of an address, as they are written down.
pub fn destination(url: &str) -> Result<String, AddressError> {
    let uri: Uri = url.parse().map_err(|_| AddressError::Form)?;
    let port = match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err(AddressError::Form),
    };
    let authority = uri.authority().ok_or(AddressError::Form)?;
    if authority.as_str().contains('@') {
        return Err(AddressError::Userinfo);
    }
    if authority.host().is_empty() || uri.query().is_some() {
        return Err(AddressError::Form);
    }
    let port = authority.port_u16().unwrap_or(port);
    Ok(format!("{}:{port}{}", authority.host(), uri.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(url: &str, expected: Result<(&str, bool), EndpointError>) {
        for allows_other_machines in [false, true] {
            let http = HttpOptions { model: "m".into(), time: Duration::from_secs(1), parallel: 1 };
            let endpoint = Endpoint { url: url.into(), allows_other_machines, key: None, http };
            let expected = match expected {
                // What is elsewhere needs the switch, or a look at where its name leads.
                Ok((destination, true)) => Ok((destination.to_owned(), allows_other_machines)),
                Err(EndpointError::NotLoopback) if allows_other_machines => continue,
                other => other.map(|(destination, place)| (destination.to_owned(), place)),
            };
            let place = endpoint.place().map(|place| (place.destination, place.is_remote));
            assert_eq!(place, expected, "{url}");
        }
    }

    #[test]
    fn an_address_tells_whether_it_is_on_this_machine() {
        check("http://127.0.0.1:11434/v1/", Ok(("127.0.0.1:11434/v1", false)));
        check("http://[::1]:8080/v1", Ok(("[::1]:8080/v1", false)));
        check("http://localhost/v1", Ok(("localhost:80/v1", false)));
        check("http://[::ffff:127.0.0.1]:1/v1", Ok(("[::ffff:127.0.0.1]:1/v1", false)));
        check("https://gpu.example/v1", Ok(("gpu.example:443/v1", true)));
        check("http://10.0.0.5:8000/v1", Err(EndpointError::NotLoopback));
        check("http://0.0.0.0:8000/v1", Err(EndpointError::NotLoopback));
        for bad in ["ftp://127.0.0.1/", "127.0.0.1:8000", "http://a:b@127.0.0.1/v1", "http:///v1"] {
            check(bad, Err(EndpointError::Address));
        }
    }

    #[test]
    fn a_destination_starts_with_host_port_and_path() {
        let of = |url| destination(url);
        assert_eq!(of("https://a.example").as_deref(), Ok("a.example:443"));
        assert_eq!(of("http://127.0.0.1:4320/x").as_deref(), Ok("127.0.0.1:4320/x"));
        assert_eq!(of("ftp://a.example/"), Err(AddressError::Form));
        assert_eq!(of("https://user:word@a.example/"), Err(AddressError::Userinfo));
    }
}
