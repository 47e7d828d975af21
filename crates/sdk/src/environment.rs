//! The process's environment: the one place that reads it.

use std::collections::BTreeMap;

/// Every variable that the SDK reads.
const NAMES: [&str; 16] = [
    "MODELSTAT_INGEST_KEY",
    "MODELSTAT_AGENT",
    "MODELSTAT_APP",
    "OTEL_SERVICE_NAME",
    "MODELSTAT_DEVICE_ID",
    "MODELSTAT_SERVER_URL",
    "MODELSTAT_RAW",
    "MODELSTAT_DAEMON_URL",
    "MODELSTAT_DISABLED",
    "MODELSTAT_ALLOW_RAW",
    "MODELSTAT_DAEMON_TOKEN",
    "MODELSTAT_DAEMON_TOKEN_FILE",
    "MODELSTAT_HOME",
    "XDG_DATA_HOME",
    "HOME",
    "SSL_CERT_FILE",
];

/// What the environment says.
#[derive(Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the variables that the SDK knows.
    #[expect(clippy::disallowed_methods, reason = "an SDK is configured where it runs")]
    pub(crate) fn of_process() -> Self {
        let read = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
        Self(NAMES.iter().filter_map(|name| read(name)).collect())
    }

    #[cfg(test)]
    pub(crate) fn of(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    /// Returns a variable that is set and not blank.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        let value = self.text(name).unwrap_or_default().to_ascii_lowercase();
        matches!(value.as_str(), "1" | "true" | "yes" | "on")
    }
}
