//! A proxy that the environment names stands between a pull and the publisher.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use modelstat_models::{Source, Store};

use crate::hub::{Deed, Hub, MODELS, WEIGHTS, small};

/// Names the host to the same test in a process of its own, where the environment names the proxy.
const HUB: &str = "MODELSTAT_TEST_HUB";

#[test]
#[expect(clippy::disallowed_methods, reason = "the second process of this test is told so")]
fn a_pull_goes_through_the_proxy_of_the_environment() {
    if let Ok(hub) = std::env::var(HUB) {
        return pull_from(&hub);
    }
    let hub = Hub::start(&[Deed::Serve]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let proxy = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = thread::spawn(move || pass_one_on(&listener));
    let name = "proxy::a_pull_goes_through_the_proxy_of_the_environment";
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", name]).env(HUB, hub.url());
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
        child.env_remove(name);
    }
    let told = child.env("HTTP_PROXY", &proxy).env("http_proxy", &proxy).output().expect("runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    let host = hub.url().replace("http://", "");
    assert_eq!(asked.join().expect("the proxy"), format!("CONNECT {host} HTTP/1.1"));
    assert_eq!(hub.seen().len(), 1);
}

fn pull_from(hub: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().join("models"), &MODELS).expect("opens");
    let source = Source::new(hub).expect("an address");
    let path = store.pull(small(), &source, &mut |_| ()).expect("pulled");
    assert!(std::fs::read(path).expect("a file") == *WEIGHTS, "other bytes");
}

/// Connects one client with where it wants to go, and returns what it asked.
fn pass_one_on(listener: &TcpListener) -> String {
    let (mut client, _) = listener.accept().expect("a client");
    let mut lines = BufReader::new(client.try_clone().expect("a handle")).lines();
    let first = lines.next().expect("a line").expect("text");
    let host = first.split(' ').nth(1).expect("a host").to_owned();
    for line in lines.map_while(Result::ok) {
        assert!(!line.to_ascii_lowercase().starts_with("proxy-authorization"), "a credential");
        if line.is_empty() {
            break;
        }
    }
    let mut server = TcpStream::connect(host).expect("the host");
    client.write_all(b"HTTP/1.1 200 .\r\n\r\n").expect("answered");
    let (mut from_client, mut to_server) =
        (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    // Ends when the client hangs up.
    let up = thread::spawn(move || drop(std::io::copy(&mut from_client, &mut to_server)));
    std::io::copy(&mut server, &mut client).expect("passed on");
    drop(client.shutdown(std::net::Shutdown::Both));
    up.join().expect("ends");
    first
}
