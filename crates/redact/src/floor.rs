//! The floor: the built-in rules with what one host adds to them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::Redacted;
use crate::detector::Detector;
use crate::engine::{self, Replaced, Span};
use crate::local::Local;
use crate::masks::{self, Fill};
use crate::scan::scan;
use crate::stream::Redactor;

/// Longest line that is looked at.
///
/// No body that anybody accepts is longer, and a text in pieces is kept up to the end of its line.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// How a text is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) fill: Fill,
    /// Whether IP addresses are personal data here.
    pub(crate) finds_ip: bool,
}

/// The built-in rules and what one host adds: its own rules, names that it knows, detectors.
///
/// Nothing can be taken away: whatever is added, what [`crate::redact`] hides stays hidden.
///
/// ```
/// let floor = modelstat_redact::Floor::built_in().clone().with_identifiers(["jane.doe"]);
/// assert_eq!(floor.redact("as jane.doe said").text, "as [REDACTED:identifier] said");
/// ```
#[derive(Clone)]
pub struct Floor {
    settings: Settings,
    local: Local,
    detectors: Vec<Arc<dyn Detector>>,
}

static BUILT_IN: LazyLock<Floor> = LazyLock::new(|| Floor::with_fill(masks::fastest()));

impl Floor {
    /// The built-in rules alone.
    pub fn built_in() -> &'static Floor {
        &BUILT_IN
    }

    /// With another way to classify bytes than the fastest, for the tests and benchmarks that compare them.
    pub(crate) fn with_fill(fill: Fill) -> Self {
        let settings = Settings { fill, finds_ip: false };
        Self { settings, local: Local::default(), detectors: Vec::new() }
    }

    /// Hides IP addresses too.
    #[must_use]
    pub fn with_ip_addresses(mut self) -> Self {
        self.settings.finds_ip = true;
        self
    }

    /// Hides names that this host knows: of users, of its own, of people who commit here.
    ///
    /// They are found as words of their own, in any case. Ones that are shorter than three bytes, or so
    /// common that hiding them would tell nothing, are left out.
    #[must_use]
    pub fn with_identifiers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.local.add_identifiers(names);
        self
    }

    /// Adds the rules of a `redact.toml`.
    #[cfg(feature = "user-rules")]
    #[must_use]
    pub fn with_rules(mut self, rules: &crate::UserRules) -> Self {
        self.local.add_rules(rules);
        self
    }

    /// Adds a detector, which looks at what the floor left and can only add.
    #[must_use]
    pub fn with_detector(mut self, detector: impl Detector + 'static) -> Self {
        self.detectors.push(Arc::new(detector));
        self
    }

    /// Replaces secrets and personal data by typed placeholders.
    ///
    /// Never panics and fails closed: should the engine ever break its own rules, the whole text becomes one
    /// placeholder of the rule `redaction_failed`.
    pub fn redact<'t>(&self, text: &'t str) -> Redacted<'t> {
        if cfg!(feature = "switched-off") {
            return Redacted { text: Cow::Borrowed(text), findings: Vec::new() };
        }
        let Replaced { bytes, findings } = self.replace(text.as_bytes());
        let Some(bytes) = bytes else {
            return Redacted { text: Cow::Borrowed(text), findings };
        };
        match String::from_utf8(bytes) {
            Ok(redacted) => Redacted { text: Cow::Owned(redacted), findings },
            Err(_) => refused(text.len()),
        }
    }

    /// Begins a text that comes in pieces.
    pub fn redactor(&self) -> Redactor<'_> {
        Redactor::new(self)
    }

    /// Replaces in bytes of any encoding that extends ASCII.
    pub(crate) fn replace(&self, text: &[u8]) -> Replaced {
        if has_long_line(text) {
            return engine::refused(text.len());
        }
        let built_in = |text: &[u8]| scan(text, &self.settings);
        let local = |text: &[u8]| -> Vec<Span> {
            let mut spans = Vec::new();
            self.local.find(text, &mut spans);
            spans
        };
        let local = (!self.local.is_empty()).then_some(&local as engine::Scan<'_>);
        let detect: Vec<_> = self
            .detectors
            .iter()
            .map(|detector| |text: &[u8]| crate::detector::spans_of(detector.as_ref(), text))
            .collect();
        let detect: Vec<engine::Scan<'_>> =
            detect.iter().map(|detector| detector as engine::Scan<'_>).collect();
        engine::replace(text, &built_in, local, &detect)
            .unwrap_or_else(|engine::Broken| engine::refused(text.len()))
    }
}

impl fmt::Debug for Floor {
    /// Shows no name that this host knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Floor")
            .field("finds_ip", &self.settings.finds_ip)
            .field("local", &self.local)
            .field("detectors", &self.detectors)
            .finish()
    }
}

fn refused(length: usize) -> Redacted<'static> {
    let Replaced { bytes, findings } = engine::refused(length);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Redacted { text: Cow::Owned(text), findings }
}

/// Whether a stretch that cannot be cut is longer than what is looked at.
fn has_long_line(text: &[u8]) -> bool {
    if text.len() <= MAX_LINE {
        return false;
    }
    let breaks = memchr::memchr_iter(b'\n', text).map(|at| at + 1).chain([text.len()]);
    let mut cut = 0;
    breaks.filter(|&at| crate::cut::is_cut(text, at)).any(|at| {
        let length = at - cut;
        cut = at;
        length > MAX_LINE
    })
}
