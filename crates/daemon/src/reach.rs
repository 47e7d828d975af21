//! Who may reach the daemon, and by which way.

use std::net::SocketAddr;
use std::path::PathBuf;

use modelstat_engine::Secret;

/// Who may reach the daemon, and by which way besides its address.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// A unix socket to listen on too, with mode 0600: who can open it is the daemon's own user.
    pub socket: Option<PathBuf>,
    /// The secret of `daemon.token`: opens `/v1/status` and `/v1/egress`, as long as the file lives.
    pub token: Option<Secret>,
    /// Whether batches that come over TCP must bring that secret, against other users of the machine.
    pub requires_token: bool,
    /// Whether the address may be one that other machines reach.
    pub allows_other_machines: bool,
}

impl Reach {
    /// Whether an address may be listened on.
    pub(crate) fn allows(&self, address: SocketAddr) -> bool {
        self.allows_other_machines || address.ip().to_canonical().is_loopback()
    }

    /// What an operator should know of an address.
    pub(crate) fn warnings(&self, address: SocketAddr) -> Vec<String> {
        if address.ip().to_canonical().is_loopback() {
            return Vec::new();
        }
        let token = if self.requires_token { "they need daemon.token" } else { "without a secret" };
        vec![format!(
            "other machines can reach {address} and send batches, {token}; turns cross the network in plain HTTP"
        )]
    }
}
