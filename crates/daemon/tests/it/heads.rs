//! Requests as bytes: what a web page, a broken client or a hostile one can put on the wire. Each is
//! refused, and counted by its reason.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::{Answer, exchange, post};
use crate::world::{World, batch, event};

/// A request that is refused: what is sent, the status, and what it is counted as.
struct Case {
    what: &'static str,
    request: String,
    status: u16,
    code: &'static str,
}

/// The head of a good batch, with lines more; `{host}` is filled in later.
fn with(lines: &str) -> String {
    let head = "POST /v1/ingest HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer key-one\r\n";
    format!("{head}Connection: close\r\n{lines}\r\n")
}

/// The same with another `Host` line, or none.
fn to(host: &str) -> String {
    with("Content-Type: application/json\r\n").replace("Host: {host}\r\n", host)
}

fn case(what: &'static str, request: String, status: u16, code: &'static str) -> Case {
    Case { what, request, status, code }
}

fn check(cases: Vec<Case>) {
    let world = World::start("http://127.0.0.1:9".to_owned());
    let body = batch(&[event("evt_1", "a")]).to_string();
    for Case { what, request, status, code } in cases {
        let before = world.status().refused_requests.get(code).copied().unwrap_or(0);
        let request = request.replace("{host}", &world.address().to_string());
        let request = request.replace("{port}", &world.address().port().to_string());
        let request = request.replace("{length}", &body.len().to_string());
        let head =
            request.replace("\r\n\r\n", &format!("\r\nContent-Length: {}\r\n\r\n", body.len()));
        let is_whole = request.contains("Content-Length") || request.contains("Transfer-Encoding");
        let bytes = if is_whole { request } else { head };
        let answer = exchange(world.address(), bytes.as_bytes(), body.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
        assert_eq!(answer.status, status, "{what}: {}", answer.head);
        check_closed(what, &answer);
        world.wait(what, |status| status.refused_requests.get(code) == Some(&(before + 1)));
    }
    assert!(world.status().outcomes.is_empty(), "something was taken");
}

/// No answer lets a page of another origin read it.
fn check_closed(what: &str, answer: &Answer) {
    let head = answer.head.to_ascii_lowercase();
    assert!(!head.contains("access-control-"), "{what}: {head}");
}

#[test]
fn another_name_than_this_machines_is_refused() {
    let host = |what, line: &str| case(what, to(line), 403, "host_not_local");
    check(vec![
        host("a rebound name", "Host: evil.example:{port}\r\n"),
        host("a name that looks local", "Host: 127.0.0.1.nip.io:{port}\r\n"),
        host("a name under localhost", "Host: localhost.evil.example:{port}\r\n"),
        host("a name with a dot at its end", "Host: evil.example.:{port}\r\n"),
        host("another port", "Host: 127.0.0.1:1\r\n"),
        host("no port", "Host: 127.0.0.1\r\n"),
        host("a signed port", "Host: 127.0.0.1:+{port}\r\n"),
        host("every address", "Host: 0.0.0.0:{port}\r\n"),
        host("every IPv6 address", "Host: [::]:{port}\r\n"),
        host("another IPv6 address", "Host: [fe80::1]:{port}\r\n"),
        host("a mapped address of another machine", "Host: [::ffff:10.0.0.1]:{port}\r\n"),
        host("a user in front", "Host: evil.example@127.0.0.1:{port}\r\n"),
        host("no host", ""),
        host("an empty host", "Host:\r\n"),
        host("two hosts", "Host: {host}\r\nHost: evil.example\r\n"),
        host("the same host twice", "Host: {host}\r\nHost: {host}\r\n"),
        case(
            "another authority in the target",
            to("Host: {host}\r\n").replace("POST /", "POST http://evil.example:{port}/"),
            403,
            "host_not_local",
        ),
        case(
            "HTTP/1.0 without a host",
            to("").replace("HTTP/1.1", "HTTP/1.0"),
            403,
            "host_not_local",
        ),
    ]);
}

#[test]
fn a_page_of_another_origin_is_refused() {
    let page = |what, lines: &str| case(what, with(lines), 403, "cross_origin");
    let own = "Origin: http://{host}\r\n";
    let kind = |what, line: &str| case(what, with(&format!("{own}{line}")), 415, "content_type");
    check(vec![
        page("another origin", "Origin: https://evil.example\r\n"),
        page("the null origin", "Origin: null\r\n"),
        page("another port of this machine", "Origin: http://127.0.0.1:3000\r\n"),
        page("another scheme", "Origin: https://{host}\r\n"),
        page("two origins", "Origin: http://{host}\r\nOrigin: https://evil.example\r\n"),
        page("another site", "Sec-Fetch-Site: cross-site\r\n"),
        page("the same site", "Sec-Fetch-Site: same-site\r\n"),
        kind("a text", "Content-Type: text/plain\r\n"),
        kind("a form", "Content-Type: application/x-www-form-urlencoded\r\n"),
        kind("a form with files", "Content-Type: multipart/form-data; boundary=x\r\n"),
        kind("no content type", ""),
        kind("a text that names JSON", "Content-Type: text/plain; application/json\r\n"),
        case(
            "a preflight",
            with("Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n")
                .replace("POST /", "OPTIONS /"),
            403,
            "cross_origin",
        ),
        case(
            "a preflight of our own page",
            with(&format!("{own}Access-Control-Request-Method: POST\r\n"))
                .replace("POST /", "OPTIONS /"),
            405,
            "method_not_allowed",
        ),
    ]);
}

#[test]
fn a_head_that_cannot_be_one_is_refused() {
    let bad = |what, request: String| case(what, request, 400, "head_malformed");
    let large = |what, lines: &str| case(what, with(lines), 431, "head_too_large");
    let many = "X-Many: a\r\n".repeat(120);
    check(vec![
        large("a long header", &format!("X-Long: {}\r\n", "a".repeat(70 * 1024))),
        large("many headers", &many),
        large("many long headers", &format!("X-Long: {}\r\n", "a".repeat(900)).repeat(90)),
        bad("no HTTP", "nonsense\r\n\r\n".to_owned()),
        bad("another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        bad("a version of tomorrow", to("Host: {host}\r\n").replace("HTTP/1.1", "HTTP/7.3")),
        bad("a header without a colon", with("no colon\r\n")),
        bad("a space before the colon", with("Content-Type : application/json\r\n")),
        bad("a folded header", with("X-Folded: a\r\n b\r\n")),
        bad("a zero byte", with("X-Zero: a\0b\r\n")),
        bad("a signed length", with("Content-Length: +{length}\r\n")),
        bad("a negative length", with("Content-Length: -1\r\n")),
        bad("two lengths", with("Content-Length: {length}\r\nContent-Length: 1\r\n")),
        bad("a list of lengths", with("Content-Length: {length}, 1\r\n")),
        bad("a coding that does not end", with("Transfer-Encoding: chunked, gzip\r\n")),
        bad("an unknown coding", with("Transfer-Encoding: identity\r\n")),
        bad(
            "a coding of HTTP/1.1 in HTTP/1.0",
            with("Transfer-Encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0"),
        ),
        case("chunks that are none", with("Transfer-Encoding: chunked\r\n"), 400, "unreadable"),
        case(
            "another method",
            with("").replace("POST /v1/ingest", "DELETE /v1/ingest"),
            405,
            "method_not_allowed",
        ),
        case(
            "a tunnel",
            to("Host: {host}\r\n").replace("POST /v1/ingest", "CONNECT {host}"),
            404,
            "not_found",
        ),
    ]);
}

#[test]
fn local_names_in_every_form_are_taken() {
    let world = World::start("http://127.0.0.1:9".to_owned());
    let (address, port) = (world.address(), world.address().port());
    let forms = [
        format!("127.0.0.1:{port}"),
        format!("127.1.2.3:{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST.:{port}"),
        format!("[::1]:{port}"),
        format!("[0:0:0:0:0:0:0:1]:{port}"),
    ];
    for (number, host) in forms.iter().enumerate() {
        let body = batch(&[event(&format!("evt_{number}"), "a")]).to_string();
        let lines = format!("Content-Length: {}\r\n", body.len());
        let request = with(&lines).replace("{host}", host);
        let absolute = request.replace("POST /", &format!("POST http://{address}/"));
        for request in [request, absolute] {
            let answer = exchange(address, request.as_bytes(), body.as_bytes()).expect("an answer");
            assert_eq!(answer.status, 200, "{host}");
        }
    }
}

#[test]
fn nothing_is_smuggled_behind_a_body() {
    let world = World::start("http://127.0.0.1:9".to_owned());
    let host = world.address();
    let chunk = batch(&[event("evt_seen", "a")]).to_string();
    let hidden = batch(&[event("evt_hidden", "a")]).to_string();
    let head =
        format!("POST /v1/ingest HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer key-one\r\n");
    let second = format!("{head}Content-Length: {}\r\n\r\n{hidden}", hidden.len());
    let body = format!("{:x}\r\n{chunk}\r\n0\r\n\r\n{second}", chunk.len());
    for lines in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n", body.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n", body.len()),
    ] {
        let answer = exchange(host, format!("{head}{lines}").as_bytes(), body.as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.error().as_str()), (400, "two_lengths"));
    }
    let status = world.status();
    assert_eq!(status.refused_requests["two_lengths"], 2);
    assert!(status.outcomes.is_empty(), "something was taken");

    let lines = "Transfer-Encoding: chunked\r\n\r\n";
    let answer = exchange(host, format!("{head}{lines}").as_bytes(), body.as_bytes());
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text().matches("HTTP/1.1").count(), 0, "one answer, then the end");
    assert_eq!(world.status().outcomes["accepted"], 1);
}

#[test]
fn requests_in_a_row_are_answered_in_a_row() {
    let world = World::start("http://127.0.0.1:9".to_owned());
    let host = world.address();
    let one = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let last = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = exchange(host, (one.repeat(200) + &last).as_bytes(), b"").expect("answers");
    assert_eq!(answer.text().matches("HTTP/1.1 200 OK").count(), 200);
}

#[test]
fn connections_that_are_held_open_keep_nobody_out() {
    let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
        config.http.connections = 8;
    });
    let host = world.address();
    let begin = |text: String| {
        let mut stream = TcpStream::connect(host).expect("the daemon listens");
        stream.write_all(text.as_bytes()).expect("written");
        stream
    };
    let head = format!("POST /v1/ingest HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer k\r\n");
    let mut hostile = Vec::new();
    for _ in 0..10 {
        hostile.push(begin(String::new()));
        hostile.push(begin(head.clone()));
        hostile.push(begin(format!("{head}Content-Length: 1000\r\n\r\n{{")));
        hostile.push(begin(format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n")));
    }
    let start = Instant::now();
    let body = batch(&[event("evt_1", "a")]).to_string();
    assert_eq!(post(host, "/v1/ingest", body.as_bytes()).status, 200);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let refused = world.status().refused_requests;
    assert!(refused["connection_displaced"] >= 32, "{refused:?}");
    drop(hostile);
}
