//! The built dashboard, embedded.
//!
//! `dist/` holds what `npm run build` in `web/` made; without it the crate compiles and answers
//! with a page that says what to run. The crate knows nothing of HTTP: it hands out an [`Asset`],
//! and the server turns that into an answer.

use std::borrow::Cow;
use std::fmt::Write as _;

use rust_embed::{EmbeddedFile, RustEmbed};

/// What a page of the dashboard may load: files of this server and nothing else, nothing inline.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Files under `/assets/` carry a hash in their name, so a browser may keep them.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Everything else is asked for again, and answered with 304 where the entity tag still holds.
const REVALIDATE: &str = "no-cache";

/// What a missing dashboard answers with.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>modelstat</title>\
     <h1>The dashboard is not built</h1><p>Run <code>cargo xtask build</code>, then start this binary again. \
     The API works without it.</p></html>";

/// An answer to one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The HTTP status: 200, 404 for an unknown file, 503 while there is no dashboard.
    pub status: u16,
    /// The media type, with the character set where it is text.
    pub content_type: &'static str,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
    /// The entity tag in quotes, where the body may be kept and asked for again.
    pub etag: Option<String>,
    /// The bytes to send.
    pub body: Cow<'static, [u8]>,
}

/// Returns what stands at a path of the dashboard.
///
/// `/` and every path that names no file are views, which the page itself routes: they get
/// `index.html`. A path under `/assets/`, or one whose last part has an extension, names a file.
/// The caller keeps its own routes (`/v1/…`) away from this function.
pub fn asset(path: &str) -> Asset {
    answer::<Dist>(path)
}

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/dist"]
#[allow_missing = true]
struct Dist;

fn answer<Files: RustEmbed>(path: &str) -> Asset {
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    let Some(index) = Files::get("index.html") else {
        return plain(503, "text/html; charset=utf-8", "no-store", NOT_BUILT);
    };
    if path.is_empty() || path == "index.html" {
        return found("index.html", index);
    }
    if let Some(file) = Files::get(path) {
        return found(path, file);
    }
    if names_file(path) {
        return plain(404, "text/plain; charset=utf-8", "no-store", "not found\n");
    }
    found("index.html", index)
}

/// A session id may hold a dot, so only the top level and `assets/` are searched for extensions.
fn names_file(path: &str) -> bool {
    path.starts_with("assets/") || (!path.contains('/') && path.contains('.'))
}

fn found(path: &str, file: EmbeddedFile) -> Asset {
    let cache_control = if path.starts_with("assets/") { IMMUTABLE } else { REVALIDATE };
    let etag = Some(etag_of(&file.metadata.sha256_hash()));
    Asset { status: 200, content_type: content_type(path), cache_control, etag, body: file.data }
}

fn plain(
    status: u16,
    content_type: &'static str,
    cache_control: &'static str,
    body: &'static str,
) -> Asset {
    Asset { status, content_type, cache_control, etag: None, body: Cow::Borrowed(body.as_bytes()) }
}

/// Half of the SHA-256 of the content tells two builds apart.
fn etag_of(sha256: &[u8; 32]) -> String {
    let mut etag = String::from("\"");
    for byte in &sha256[..16] {
        // Writing to a string cannot fail.
        let _infallible = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    etag
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(RustEmbed)]
    #[folder = "$CARGO_MANIFEST_DIR/tests/sample"]
    struct Sample;

    #[derive(RustEmbed)]
    #[folder = "$CARGO_MANIFEST_DIR/tests/absent"]
    #[allow_missing = true]
    struct Absent;

    fn check(path: &str, status: u16, content_type: &str, cache_control: &str) -> Asset {
        let asset = answer::<Sample>(path);
        let seen = (asset.status, asset.content_type, asset.cache_control);
        assert_eq!(seen, (status, content_type, cache_control), "{path}");
        asset
    }

    #[test]
    fn views_get_the_page_which_is_asked_for_again() {
        let index = check("/", 200, "text/html; charset=utf-8", REVALIDATE);
        for path in ["", "/index.html", "/sessions", "/sessions/sess.1", "/privacy?range=7d"] {
            assert_eq!(check(path, 200, "text/html; charset=utf-8", REVALIDATE), index);
        }
        assert!(index.etag.is_some_and(|etag| etag.len() == 34 && etag.starts_with('"')));
    }

    #[test]
    fn hashed_files_are_kept_for_a_year() {
        check("/assets/index-a1b2c3d4.js", 200, "text/javascript; charset=utf-8", IMMUTABLE);
    }

    #[test]
    fn other_files_are_asked_for_again() {
        let icon = check("/favicon.svg", 200, "image/svg+xml", REVALIDATE);
        assert_ne!(icon.etag, answer::<Sample>("/").etag);
    }

    #[test]
    fn a_missing_file_is_no_page() {
        for path in ["/assets/index-old.js", "/assets/", "/robots.txt", "/assets/../index.html"] {
            check(path, 404, "text/plain; charset=utf-8", "no-store");
        }
    }

    #[test]
    fn without_a_build_every_path_says_what_to_run() {
        for path in ["/", "/assets/index.js", "/sessions"] {
            let asset = answer::<Absent>(path);
            assert_eq!(asset.status, 503);
            assert_eq!(asset.etag, None);
            assert!(String::from_utf8_lossy(&asset.body).contains("cargo xtask build"));
        }
    }

    #[test]
    fn the_embedded_page_keeps_to_its_own_policy() {
        let page = asset("/");
        let html = String::from_utf8_lossy(&page.body);
        assert!(!html.contains("style="), "inline style");
        assert!(!html.contains("://"), "foreign origin");
        for script in html.split("<script").skip(1) {
            assert!(script.contains("src=\"/"), "inline script");
        }
    }
}
