//! A listener that bounds connections and the time for headers, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Most connections at once; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 1_024;

/// Longest wait for a request's headers, and longest idle time of a kept connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest head of a request: more than any honest client sends.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long requests in flight may take to end at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

/// The address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address}")]
pub struct ListenError {
    /// Which address.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let refused = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// Returns the address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A listener at work.
#[derive(Debug)]
pub struct Serving {
    stop: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Serving {
    /// Stops accepting, lets requests in flight end within 5 s, and joins everything.
    pub async fn stop(self) {
        // A receiver is gone only when the task has ended already.
        self.stop.send_replace(true);
        if self.accepting.await.is_err() {
            tracing::error!("the listener ended by a panic");
        }
    }
}

/// Serves a router until it is stopped.
pub fn serve(listener: Listener, router: Router) -> Serving {
    let (stop, stopped) = watch::channel(false);
    #[expect(clippy::disallowed_methods, reason = "`Serving::stop` joins it")]
    let accepting = tokio::spawn(accept(listener.listener, router, stopped));
    Serving { stop, accepting }
}

async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
            _ = stopped.changed() => break,
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let connection = converse(stream, router.clone(), stopped.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                // Out of descriptors: wait for some to come back rather than spin.
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            _ = stopped.changed() => break,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::warn!("requests in flight were cut off at shutdown");
    }
}

async fn converse(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(kind = ?error.kind(), "could not set nodelay");
    }
    let service = TowerToHyperService::new(router);
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(is_timeout = error.is_timeout(), "a connection ended early");
    }
}
