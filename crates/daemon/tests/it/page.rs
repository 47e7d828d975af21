//! The status page: counts for everybody on the machine, and nothing else.

use std::net::SocketAddr;

use modelstat_daemon::FallbackEngine;

use crate::client::{Answer, request};
use crate::upstream::Upstream;
use crate::world::{World, batch, event};

fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("Authorization", "")];
    all.extend(headers);
    request(address, &format!("GET {path}"), &all, b"")
}

#[test]
fn a_browser_gets_counts_without_script_text_or_key() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let mail = ["jane.canary", "example.com"].join("@");
    let text = format!("the canary text asks {mail}");
    assert_eq!(world.send(&batch(&[event("evt_1", &text)])).status, 200);
    world.wait_shipped();
    assert_eq!(open(world.address(), "/v1/ingest", &[]).status, 405);

    let browser = [("Accept", "text/html,application/xhtml+xml"), ("Sec-Fetch-Site", "none")];
    let answer = open(world.address(), "/", &browser);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = answer.text();
    for shown in ["1 request", "email", "method_not_allowed", "turns of open segments", "ships to"]
    {
        assert!(page.contains(shown), "{shown} is missing: {page}");
    }
    let lower = page.to_lowercase();
    for hidden in ["canary", "key-one", "<script", "javascript:", " style=", "onload"] {
        assert!(!lower.contains(hidden), "{hidden} is shown");
    }
    let style = open(world.address(), "/status.css", &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
}

#[test]
fn a_terminal_gets_text() {
    let world = World::start("http://127.0.0.1:9".to_owned());
    let answer = open(world.address(), "/", &[("Accept", "*/*")]);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let page = answer.text();
    assert!(page.contains("Everything that may leave has been shipped."), "{page}");
    assert!(page.contains("modelstat egress") && !page.contains('<'), "{page}");
}

#[test]
fn the_page_tells_what_makes_abstracts() {
    let engines_of = |fallback| {
        let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
            config.engines.fallback = fallback;
        });
        open(world.address(), "/", &[]).text().to_owned()
    };
    let page = engines_of(FallbackEngine::Template);
    assert!(page.contains("template: no sentence leaves"), "{page}");
    let page = engines_of(FallbackEngine::Extract);
    assert!(page.contains("extract: redacted sentences leave"), "{page}");
    assert!(page.contains("extract, template"), "{page}");
}

#[test]
fn pages_of_others_and_other_names_get_no_page() {
    let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
        config.listen = SocketAddr::from(([0, 0, 0, 0], 0));
        config.reach.allows_other_machines = true;
    });
    let here = SocketAddr::from(([127, 0, 0, 1], world.address().port()));
    let open = |headers: &[(&str, &str)]| open(here, "/", headers).status;
    assert_eq!(open(&[("Sec-Fetch-Site", "cross-site")]), 403);
    assert_eq!(open(&[("Host", "evil.example:4319")]), 403);
    assert_eq!(open(&[]), 200);
    assert_eq!(world.status().refused_requests["other_machine"], 1);
}
