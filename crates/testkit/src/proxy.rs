//! A TCP proxy on loopback that keeps every byte of both directions.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Most bytes that are kept: far more than a test sends. Beyond it a recording proves nothing.
const MAX_RECORDED_BYTES: usize = 512 * 1024 * 1024;

/// One connection.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// What the client sent.
    pub sent: Vec<u8>,
    /// What it received.
    pub received: Vec<u8>,
}

/// A proxy at work; it ends when it is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    is_over: AtomicBool,
    state: Mutex<State>,
}

struct State {
    target: SocketAddr,
    recorded: Vec<Recorded>,
    bytes: usize,
    open: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Clone, Copy)]
enum Direction {
    Sent,
    Received,
}

impl Proxy {
    /// Starts to pass connections on to an address. Give it the target's port on another loopback
    /// address where the target checks the `Host` header.
    pub fn start(listen: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let (recorded, open, threads) = (Vec::new(), Vec::new(), Vec::new());
        let state = State { target, recorded, bytes: 0, open, threads };
        let shared = Arc::new(Shared { is_over: AtomicBool::new(false), state: Mutex::new(state) });
        let listening = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.listen(&listener))
        };
        Ok(Self { shared, address, listening: Some(listening) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes further connections on to another address, such as that of a server that came back.
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.lock().target = target;
    }

    /// Every connection until now.
    ///
    /// # Panics
    ///
    /// When more was sent than is kept, since then the recording is not whole.
    pub fn recorded(&self) -> Vec<Recorded> {
        let state = self.shared.lock();
        assert!(state.bytes <= MAX_RECORDED_BYTES, "the recording is not whole");
        state.recorded.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // The listener waits in `accept`, which a connection ends.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
        let (open, threads) = {
            let mut state = self.shared.lock();
            (std::mem::take(&mut state.open), std::mem::take(&mut state.threads))
        };
        for stream in open {
            drop(stream.shutdown(Shutdown::Both));
        }
        for thread in threads {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let target = self.lock().target;
            // A server that is down looks to the client as it would without a proxy.
            let Ok(server) = TcpStream::connect(target) else { continue };
            // A connection that cannot be joined is closed, as both ends see.
            drop(self.join(&client, &server));
        }
    }

    /// Starts both directions of a connection.
    fn join(self: &Arc<Self>, client: &TcpStream, server: &TcpStream) -> io::Result<()> {
        let streams =
            [client.try_clone()?, server.try_clone()?, client.try_clone()?, server.try_clone()?];
        let [from_client, to_server, to_client, from_server] = streams;
        let open = [client.try_clone()?, server.try_clone()?];
        let mut state = self.lock();
        let number = state.recorded.len();
        state.recorded.push(Recorded::default());
        state.open.extend(open);
        let pass = |from: TcpStream, to: TcpStream, direction| {
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.pass(from, to, number, direction))
        };
        let threads = [
            pass(from_client, to_server, Direction::Sent),
            pass(from_server, to_client, Direction::Received),
        ];
        state.threads.extend(threads);
        Ok(())
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, number: usize, direction: Direction) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            self.keep(number, direction, &buffer[..count]);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Write));
        drop(from.shutdown(Shutdown::Read));
    }

    fn keep(&self, number: usize, direction: Direction, bytes: &[u8]) {
        let mut state = self.lock();
        state.bytes += bytes.len();
        if state.bytes > MAX_RECORDED_BYTES {
            return;
        }
        let recorded = &mut state.recorded[number];
        match direction {
            Direction::Sent => recorded.sent.extend_from_slice(bytes),
            Direction::Received => recorded.received.extend_from_slice(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// Answers one connection: reads to its end, and sends that back twice.
    fn echo_twice() -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut read = Vec::new();
            stream.read_to_end(&mut read).expect("readable");
            stream.write_all(&read.repeat(2)).expect("writable");
        });
        (address, thread)
    }

    fn exchange(proxy: &Proxy, sent: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(proxy.address()).expect("connected");
        stream.write_all(sent).expect("writable");
        stream.shutdown(Shutdown::Write).expect("half closed");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("readable");
        received
    }

    #[test]
    fn keeps_both_directions_and_follows_its_target() {
        let (first, first_thread) = echo_twice();
        let proxy = Proxy::start(ANY, first).expect("started");
        assert_eq!(exchange(&proxy, b"one"), b"oneone");
        let (second, second_thread) = echo_twice();
        proxy.retarget(second);
        assert_eq!(exchange(&proxy, b"two"), b"twotwo");
        let recorded = proxy.recorded();
        let pairs: Vec<_> =
            recorded.iter().map(|both| (both.sent.as_slice(), both.received.as_slice())).collect();
        assert_eq!(pairs, [(&b"one"[..], &b"oneone"[..]), (b"two", b"twotwo")]);
        drop(proxy);
        first_thread.join().expect("ended");
        second_thread.join().expect("ended");
    }

    #[test]
    fn a_target_that_is_down_closes_the_connection() {
        let free = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            listener.local_addr().expect("an address")
        };
        let proxy = Proxy::start(ANY, free).expect("started");
        let mut stream = TcpStream::connect(proxy.address()).expect("connected");
        let mut received = Vec::new();
        drop(stream.read_to_end(&mut received));
        assert!(received.is_empty());
    }
}
