use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine;
use rusqlite::Connection;

use super::*;

/// Assembled, and like nothing else.
fn planted() -> String {
    ["Qx7v", "Lm2p", "Zt9w", "Rk4s", "Hn6d", "Bf8c"].concat()
}

fn scanner() -> Scanner {
    Scanner::new(vec![Needle::new("needle", planted())])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// As the daemon packs for speed.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).expect("a short text").to_le_bytes();
    [b"mLZ4", size.as_slice(), &lz4_flex::block::compress(bytes)].concat()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::bulk::compress(bytes, 1).expect("memory")
}

/// So many characters that compress to about half.
fn noise(length: usize) -> String {
    let mut state = 7_u64;
    let digits = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from_digit(u32::try_from(state >> 60).unwrap_or(0), 16).unwrap_or('0')
    });
    digits.take(length).collect()
}

fn hex(bytes: &[u8], before_each: &str) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{before_each}{byte:02x}").expect("memory");
        text
    })
}

/// Text around a needle, long and varied enough to be split over pages even when it is compressed.
fn long_text(with: &str) -> String {
    let noise = noise(20_000);
    format!("{noise} {with} {noise}")
}

/// A compressed row whose first part is small, so that several share a page, which outlives them.
fn long_row(with: &str) -> Vec<u8> {
    let rows = (0..).map(|more| zstd((long_text(with) + &noise(more * 200)).as_bytes()));
    rows.into_iter().find(|row| (row.len() - 483) % 4092 < 300).expect("every remainder comes")
}

#[track_caller]
fn check(bytes: &[u8]) {
    let hits = scanner().scan_bytes("bytes", bytes).expect("readable");
    assert!(!hits.is_empty(), "not found");
}

fn wrapped(text: &str) -> Vec<u8> {
    format!("{{\"text\":\"words {text} words\"}}").into_bytes()
}

#[test]
fn finds_every_spelling() {
    let needle = planted();
    check(&wrapped(&needle));
    check(&wrapped(&hex(needle.as_bytes(), "")));
    check(&wrapped(&hex(needle.as_bytes(), "").to_uppercase()));
    check(&wrapped(&hex(needle.as_bytes(), "%")));
    check(&wrapped(&hex(needle.as_bytes(), "\\u00")));
    check(&needle.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    check(&needle.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
    for lead in ["", "a", "ab"] {
        let text = wrapped(&format!("{lead}{needle}"));
        check(base64::engine::general_purpose::STANDARD.encode(&text).as_bytes());
        check(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text).as_bytes());
    }
}

#[test]
fn finds_text_that_is_escaped_in_part() {
    let needle = planted();
    check(&wrapped(&needle.replace('v', "\\u0076")));
    check(&wrapped(&needle.replace('v', "\\\\u0076")));
    check(&wrapped(&needle.replace('p', "%70")));
    check(&wrapped(&needle.replace('p', "%2570")));
    let path = ["/srv/", "one two/", "three"].concat();
    let scanner = Scanner::new(vec![Needle::new("path", &path)]);
    for spelling in [path.replace('/', "\\/"), path.replace('/', "%2F"), path.replace(' ', "+")] {
        let hits = scanner.scan_bytes("bytes", &wrapped(&spelling)).expect("readable");
        assert!(!hits.is_empty(), "{spelling} is not found");
    }
}

#[test]
fn finds_what_is_compressed_anywhere() {
    let text = wrapped(&planted());
    let frames = [gzip(&text), zstd(&text), zstd(&gzip(&text)), gzip(&zstd(&text)), lz4(&text)];
    for frame in frames {
        check(&frame);
        check(&[b"HTTP/1.1 200 OK\r\n\r\n", frame.as_slice(), b"trailing"].concat());
        check(&[gzip(b"clean"), zstd(b"clean"), frame.clone()].concat());
        if !frame.starts_with(b"mLZ4") {
            check(base64::engine::general_purpose::STANDARD.encode(&frame).as_bytes());
            check(hex(&frame, "").as_bytes());
        }
    }
}

#[test]
fn finds_the_beginning_of_a_frame_that_was_cut() {
    let text = [wrapped(&planted()), long_text("").into_bytes()].concat();
    for frame in [gzip(&text), lz4(&text)] {
        check(&frame[..frame.len() / 2]);
    }
}

#[test]
fn finds_a_needle_that_was_cut() {
    let needle = planted();
    check(&needle.as_bytes()[..14]);
    check(&needle.as_bytes()[10..]);
}

#[test]
fn a_sentence_is_found_by_its_runs_of_words() {
    let sentence = "seven quiet otters painted the harbour wall before dawn";
    let scanner = Scanner::new(vec![Needle::sentence("sentence", sentence, 5)]);
    let count = |text: &str| scanner.scan_bytes("text", text.as_bytes()).expect("readable").len();
    assert_eq!(count("painted the harbour wall"), 0);
    assert_eq!(count("otters painted the harbour wall again"), 1);
}

#[test]
fn says_where_and_how() {
    let bytes = gzip(&wrapped(&planted()));
    let hits = scanner().scan_bytes("spool", &bytes).expect("readable");
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].place.as_str(), hits[0].how), ("spool » gzip", "plain"));
    assert!(hits[0].context.contains("words"));
}

fn places(folder: &Path) -> Vec<String> {
    let hits = scanner().scan_folder(folder).expect("readable");
    hits.into_iter().map(|hit| hit.place).collect()
}

#[test]
fn finds_files_by_content_and_name() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("spill")).expect("a folder");
    fs::write(folder.path().join("spill/core.1"), planted()).expect("a file");
    fs::write(folder.path().join(planted()), "").expect("a file");
    let names = format!("the name of {}", planted());
    assert_eq!(places(folder.path()), ["spill/core.1".to_owned(), names]);
}

#[test]
fn finds_nothing_in_a_clean_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("log"), long_text("and nothing else")).expect("a file");
    let database = Connection::open(folder.path().join("a.db")).expect("a database");
    database.execute_batch("CREATE TABLE t (body BLOB)").expect("a table");
    let body = zstd(long_text("clean").as_bytes());
    database.execute("INSERT INTO t VALUES (?1)", [body]).expect("a row");
    assert_eq!(places(folder.path()), [] as [String; 0]);
}

/// Makes a database with a large compressed row, and lets `change` do something to it.
fn database_with(change: &str) -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Connection::open(folder.path().join("a.db")).expect("a database");
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA secure_delete = OFF;
             CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB);",
        )
        .expect("a table");
    for text in ["first".to_owned(), planted(), "last".to_owned()] {
        database.execute("INSERT INTO t (body) VALUES (?1)", [long_row(&text)]).expect("a row");
    }
    database.execute_batch(change).expect("a change");
    (folder, database)
}

#[test]
fn finds_rows_that_span_pages_in_the_log() {
    let (folder, _open) = database_with("");
    assert!(places(folder.path()).contains(&"a.db » t.body » zstd".to_owned()));
}

#[test]
fn finds_rows_that_span_pages_in_the_file() {
    let (folder, _open) = database_with("PRAGMA wal_checkpoint(TRUNCATE)");
    assert!(places(folder.path()).contains(&"a.db » t.body » zstd".to_owned()));
}

#[test]
fn finds_deleted_rows_in_the_log() {
    let (folder, _open) = database_with("DELETE FROM t WHERE id = 2");
    assert_eq!(places(folder.path()), ["a.db » record over pages"]);
}

#[test]
fn finds_deleted_rows_in_free_pages() {
    // The first freed page becomes the list of the others and loses its beginning, so a row goes first.
    let (folder, _open) = database_with(
        "DELETE FROM t WHERE id = 1; DELETE FROM t WHERE id = 2; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    assert_eq!(places(folder.path()), ["a.db » record over pages"]);
}

#[test]
fn securely_deleted_rows_are_gone() {
    let (folder, _open) = database_with(
        "PRAGMA secure_delete = ON; DELETE FROM t WHERE id = 2;
         PRAGMA wal_checkpoint(TRUNCATE)",
    );
    assert_eq!(places(folder.path()), [] as [String; 0]);
}

#[test]
fn reads_what_another_engine_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.other"), "opaque").expect("a file");
    let read = |_: &Path| vec![("t".to_owned(), gzip(planted().as_bytes()))];
    let hits = scanner().scan_folder_with(folder.path(), &read).expect("readable");
    assert_eq!(hits[0].place, "a.other » t » gzip");
}
