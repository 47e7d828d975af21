//! `modelstat redact`, from outside.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use crate::support::modelstat;

/// What a stream may hold in memory, whatever its length.
const MAX_RESIDENT_KIB: u64 = 64 * 1024;

const MIB: usize = 1024 * 1024;

fn mail() -> String {
    ["jane", "example.com"].join("@")
}

fn token() -> String {
    ["ghp_", &"aB3dE6gH9jK2".repeat(3)].concat()
}

/// Runs the verb over an input.
fn redact(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = modelstat(&["redact"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        // Who is refused for its arguments reads nothing.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("it ends")
    })
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn lines(output: &Output) -> Vec<Value> {
    let parsed = text(&output.stdout).lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().expect("lines of JSON")
}

#[test]
fn it_is_a_filter_with_a_summary() {
    let input = format!("mail {}, {}\n", mail(), token());
    let output = redact(&[], input.as_bytes());
    let expected = "mail [REDACTED:email], [REDACTED:github_pat]\n";
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(
        text(&output.stderr),
        "modelstat: 1 secret, 1 personal data: email 1, github_pat 1\n"
    );
    assert!(output.status.success());
    let quiet = redact(&["--quiet", "-"], input.as_bytes());
    assert_eq!((text(&quiet.stdout), text(&quiet.stderr)), (expected, ""));
    assert_eq!(text(&redact(&[], b"").stderr), "modelstat: nothing found\n");
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    let input = [b"\xff\xfe ", mail().as_bytes(), b" \xc3\n\x00"].concat();
    let output = redact(&["-q"], &input);
    assert_eq!(output.stdout, b"\xff\xfe [REDACTED:email] \xc3\n\x00");
    let refused = redact(&["--json"], &input);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("not UTF-8 (byte 0)"));
}

#[test]
fn json_tells_text_counts_and_places() {
    let output = redact(&["--json"], format!("é {}", mail()).as_bytes());
    assert_eq!(
        lines(&output),
        [json!({
            "text": "é [REDACTED:email]", "secrets": 0, "pii": 1,
            "findings": [{"rule": "email", "type": "email", "start": 3, "end": 19}],
        })]
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn explain_tells_rule_tier_and_place_and_never_the_value() {
    let (mail, token) = (mail(), token());
    let input = format!("first\né {mail}\n\tuse {token} now\n");
    let output = redact(&["--explain"], input.as_bytes());
    assert_eq!(
        text(&output.stdout)
            .lines()
            .map(|line| line.split(' ').skip(1).collect::<Vec<_>>())
            .collect::<Vec<_>>(),
        [["email", "personal", "9..25", "2:3"], ["github_pat", "typed", "31..71", "3:6"]]
    );
    let told = lines(&redact(&["--explain", "--json"], input.as_bytes()));
    assert_eq!(
        told[0],
        json!({"rule": "email", "type": "email", "class": "pii", "tier": "personal",
               "start": 9, "end": 25, "line": 2, "column": 3})
    );
    assert_eq!((&told[1]["class"], &told[1]["column"]), (&json!("secret"), &json!(6)));
    for shown in
        [text(&output.stdout).to_owned(), format!("{told:?}"), text(&output.stderr).to_owned()]
    {
        assert!(!shown.contains(&mail) && !shown.contains(&token[4..12]), "{shown}");
    }
}

#[test]
fn lines_of_json_keep_their_order_and_bad_ones_their_place() {
    let mail = mail();
    let input = format!(
        "{{\"text\":\"a {mail}\",\"id\":7}}\n[\"{mail}\"]\r\n\n{{\"text\":[\"{mail}\"]}}\n\
         {{\"text\":\"{mail}\n{{\"id\":1,\"text\":\"\\u00e9 \\\"{mail}\\\"\"}}"
    );
    let output = redact(&["--jsonl"], input.as_bytes());
    let no_text = "the line is no object with a string in `text`";
    let found = |start: usize| json!([{"rule": "email", "type": "email", "start": start, "end": start + 16}]);
    assert_eq!(
        lines(&output),
        [
            json!({"text": "a [REDACTED:email]", "secrets": 0, "pii": 1, "findings": found(2)}),
            json!({"error": no_text, "line": 2, "column": 1}),
            json!({"error": no_text, "line": 3, "column": 1}),
            json!({"error": no_text, "line": 4, "column": 8}),
            json!({"error": "the line is not valid JSON", "line": 5, "column": 25}),
            json!({"text": "é \"[REDACTED:email]\"", "secrets": 0, "pii": 1, "findings": found(4)}),
        ]
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stderr).contains(&mail) && !text(&output.stdout).contains(&mail));
}

#[test]
fn a_line_that_is_too_long_costs_itself_only() {
    let line = |length: usize| format!("{{\"text\":\"{}\"}}\n", "a b ".repeat(length / 4));
    let input = [line(40), line(18 * MIB), line(16 * MIB - 64), line(40)].concat();
    let output = redact(&["--jsonl", "-q"], input.as_bytes());
    let told = lines(&output);
    let lengths: Vec<_> = told.iter().map(|line| line["text"].as_str().map(str::len)).collect();
    assert_eq!(lengths, [Some(40), None, Some(16 * MIB - 64), Some(40)]);
    let error =
        json!({"error": "the line is longer than 16 MiB", "line": 2, "column": 16 * MIB + 1});
    assert_eq!(told[1], error);
}

#[test]
fn many_lines_come_back_in_their_order() {
    let mut input = Vec::new();
    for number in 0..60_000 {
        writeln!(input, "{{\"text\":\"{number} {}\"}}", mail()).expect("into memory");
    }
    let output = redact(&["--jsonl"], &input);
    let told = lines(&output);
    assert_eq!(told.len(), 60_000);
    for (number, line) in told.iter().enumerate() {
        assert_eq!(line["text"], format!("{number} [REDACTED:email]"));
    }
    assert!(text(&output.stderr).contains("60000 personal data: email 60000"));
}

/// A program that asks line by line gets each answer before it asks on.
#[test]
fn a_line_is_answered_before_the_next_is_asked() {
    let mut child = modelstat(&["redact", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    for number in 0..5 {
        writeln!(stdin, "{{\"text\":\"{number}\"}}").expect("open");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("an answer");
        assert!(line.starts_with(&format!("{{\"text\":\"{number}\"")), "{line}");
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn names_and_rules_of_the_host_can_be_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("redact.toml");
    let rule =
        "[[rule]]\nid = \"acme-ticket\"\ntype = \"acme_ticket\"\nshape = [\"ACME-[digit:6]\"]\n";
    std::fs::write(&rules, rule).expect("writable");
    let rules = rules.to_str().expect("a plain path");
    let output = redact(
        &["-q", "--ip", "--identifiers", "jdoe, aurora", "--rules", rules],
        b"jdoe on aurora at 81.2.69.142 saw ACME-123456\n",
    );
    assert_eq!(
        text(&output.stdout),
        "[REDACTED:identifier] on [REDACTED:identifier] at [REDACTED:ip] saw [REDACTED:acme_ticket]\n"
    );
    let plain = redact(&["-q"], b"jdoe on aurora at 81.2.69.142 saw ACME-123456\n");
    assert_eq!(text(&plain.stdout), "jdoe on aurora at 81.2.69.142 saw ACME-123456\n");
    let known = modelstat(&["redact", "--identifiers", "auto", "--explain"])
        .env("USER", "zebulon")
        .arg(file_with(folder.path(), "asked by zebulon\n"))
        .output()
        .expect("it runs");
    assert!(text(&known.stdout).contains(" identifier local 9..16 1:10\n"), "{known:?}");
}

#[test]
fn rules_that_are_wrong_and_wrong_arguments_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = file_with(
        folder.path(),
        "[[rule]]\nid = \"acme-ticket\"\ntype = \"Acme!\"\nshape = [\"ACME-[digit:6]\"]\n",
    );
    let output = redact(&["--rules", rules.to_str().expect("plain")], b"text");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    let told = text(&output.stderr);
    assert!(told.contains("acme-ticket") && told.contains("hint: "), "{told}");
    for arguments in [["--jsonl", "--json"], ["--jsonl", "--explain"], ["--identifiers", ","]] {
        assert_eq!(redact(&arguments, b"").status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(redact(&["/no/such/file"], b"").status.code(), Some(1));
}

fn file_with(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("file");
    std::fs::write(&path, text).expect("writable");
    path
}

/// Runs the verb with a terminal as its standard output, and returns what that shows.
fn on_a_terminal(change: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("ours");
    let name = ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("plain");
    let end = File::options().read(true).write(true).open(name).expect("its other end");
    let mut child = modelstat(&["redact", "-q"])
        .arg(file_with(folder.path(), &format!("mail {}\n", mail())))
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(change.iter().copied())
        .stdout(end)
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut terminal = BufReader::new(File::from(terminal));
    let mut line = String::new();
    terminal.read_line(&mut line).expect("a line");
    assert!(child.wait().expect("it ends").success());
    line.trim_end().to_owned()
}

#[test]
fn placeholders_are_coloured_in_a_terminal_only() {
    assert_eq!(on_a_terminal(&[]), "mail \u{1b}[1;35m[REDACTED:email]\u{1b}[0m");
    assert_eq!(on_a_terminal(&[("NO_COLOR", "1")]), "mail [REDACTED:email]");
    assert_eq!(on_a_terminal(&[("TERM", "dumb")]), "mail [REDACTED:email]");
}

/// Streams through the verb, and returns the most memory that it ever held, in KiB.
fn peak_of_stream(arguments: &[&str], piece: &[u8], pieces: usize) -> (u64, usize) {
    let mut child = modelstat(&["redact", "-q"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let status = format!("/proc/{}/status", child.id());
    let (peak, received) = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let (mut received, mut buffer) = (0, vec![0; MIB]);
            loop {
                match stdout.read(&mut buffer).expect("readable") {
                    0 => return received,
                    length => received += length,
                }
            }
        });
        for _ in 0..pieces {
            stdin.write_all(piece).expect("open");
        }
        // It waits for more, so what it ever held is still told.
        let told = std::fs::read_to_string(status).expect("it runs");
        drop(stdin);
        let peak = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse().ok());
        (peak.expect("a number"), reader.join().expect("no panic"))
    });
    assert!(child.wait().expect("it ends").success());
    (peak, received)
}

#[test]
fn a_long_stream_is_never_held_whole() {
    let prose = "The build went through on the second try, and nobody asked why.\n".repeat(16);
    let piece = format!("{prose}mail {}\n", mail()).repeat(1_000);
    let pieces = 200 * MIB / piece.len();
    let (peak, received) = peak_of_stream(&[], piece.as_bytes(), pieces);
    assert!(peak < MAX_RESIDENT_KIB, "{peak} KiB");
    let shorter = (mail().len() - "[REDACTED:email]".len()) * 1_000;
    assert_eq!(received, (piece.len() - shorter) * pieces);
}

#[test]
fn a_long_stream_of_lines_is_never_held_whole() {
    let piece =
        format!("{{\"text\":\"{} {}\"}}\n", "a word or two ".repeat(70), mail()).repeat(1_000);
    let pieces = 64 * MIB / piece.len();
    let (peak, received) = peak_of_stream(&["--jsonl"], piece.as_bytes(), pieces);
    assert!(peak < MAX_RESIDENT_KIB, "{peak} KiB");
    assert!(received > piece.len() * pieces);
}
