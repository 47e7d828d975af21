//! Where calls go, who sends them, and how much waits for it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::environment::Environment;

/// Where captured calls are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To the daemon on this machine, which makes abstracts and sends those on.
    LocalDaemon {
        /// Its address: `http://127.0.0.1:4319/v1/ingest`, or `unix:/path/of.sock`.
        url: String,
    },
    /// Straight to a server.
    Remote {
        /// The server's address, such as `https://api.modelstat.ai`.
        base_url: String,
        /// Whether whole redacted turns are sent, of which the server makes abstracts.
        raw: bool,
    },
}

impl Mode {
    /// Where the daemon listens unless told otherwise.
    pub const DEFAULT_DAEMON_URL: &'static str = "http://127.0.0.1:4319/v1/ingest";

    /// Returns the address that batches are posted to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        match self {
            Self::LocalDaemon { url } => url.clone(),
            Self::Remote { base_url, raw } => {
                let path = if *raw { "/v1/ingest/raw" } else { "/v1/ingest" };
                format!("{}{path}", base_url.trim_end_matches('/'))
            }
        }
    }
}

/// What happens to text before it leaves the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedactionPolicy {
    /// The floor runs: secrets and personal data become placeholders.
    Floor,
    /// Text is sent as captured. Honoured toward this machine only, unless
    /// [`Config::allow_raw`] states that the receiver may have it.
    None,
}

/// Settings of a [`Client`](crate::Client).
#[derive(Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with each other"
)]
pub struct Config {
    /// The service that is instrumented; it names this traffic in the dashboard.
    pub app: String,
    /// The producer's device. The default is shared by many, which is fine.
    pub device_id: String,
    /// The integration that makes the calls (`raw_sdk_openai`, …).
    pub agent: String,
    /// The producer and its version; cut to 40 code points.
    pub client_version: String,
    /// The credential.
    pub ingest_key: String,
    /// Where calls are sent.
    pub mode: Mode,
    /// What happens to text before.
    pub redaction: RedactionPolicy,
    /// Most calls that wait or are being sent; more are dropped and counted.
    pub buffer_capacity: usize,
    /// Longest wait of a call before it is sent.
    pub flush_interval: Duration,
    /// How many waiting calls are sent at once, without waiting longer.
    pub flush_max_batch: usize,
    /// Whether the server may learn a taxonomy from these calls.
    pub auto_taxonomy: bool,
    /// Tags of every call; a call's own tags win.
    pub metadata: BTreeMap<String, String>,
    /// Most bytes that wait or are being sent; more are dropped and counted.
    pub byte_budget: usize,
    /// Whether a daemon on this machine that asks for whole redacted turns gets them.
    pub full_turns: bool,
    /// States that the receiver may have text as captured.
    pub allow_raw: bool,
    /// Turns everything off: nothing is kept, counted or sent.
    pub is_disabled: bool,
}

/// Calls that wait, unless told otherwise.
const BUFFER_CAPACITY: usize = 4_096;
/// Bytes that wait, unless told otherwise: enough for 300 prompts of 100 KB.
const BYTE_BUDGET: usize = 32 * 1024 * 1024;

impl Config {
    /// Makes settings for the daemon on this machine.
    ///
    /// # Panics
    /// If `app` is blank: two services without a name would become one in every report.
    #[must_use]
    pub fn new(
        ingest_key: impl Into<String>,
        agent: impl Into<String>,
        app: impl Into<String>,
    ) -> Self {
        let app = app.into().trim().to_owned();
        assert!(!app.is_empty(), "modelstat: Config::new needs a non-empty `app`");
        Self {
            app,
            device_id: "dev_sdk".into(),
            agent: agent.into(),
            client_version: concat!("rust-sdk/", env!("CARGO_PKG_VERSION")).into(),
            ingest_key: ingest_key.into(),
            mode: Mode::LocalDaemon { url: Mode::DEFAULT_DAEMON_URL.into() },
            redaction: RedactionPolicy::Floor,
            buffer_capacity: BUFFER_CAPACITY,
            flush_interval: Duration::from_secs(2),
            flush_max_batch: 256,
            auto_taxonomy: false,
            metadata: BTreeMap::new(),
            byte_budget: BYTE_BUDGET,
            full_turns: true,
            allow_raw: false,
            is_disabled: false,
        }
    }

    /// Makes settings of the environment.
    ///
    /// `MODELSTAT_INGEST_KEY`, `MODELSTAT_AGENT` (else `raw_sdk_generic`), `MODELSTAT_APP` (else
    /// `OTEL_SERVICE_NAME`, else `default`), `MODELSTAT_DEVICE_ID`; `MODELSTAT_SERVER_URL` to send
    /// straight to a server, with `MODELSTAT_RAW=1` for whole turns; else `MODELSTAT_DAEMON_URL`.
    /// `MODELSTAT_DISABLED=1` and `MODELSTAT_ALLOW_RAW=1` hold for every client, however it is made.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_environment(&Environment::of_process())
    }

    pub(crate) fn from_environment(environment: &Environment) -> Self {
        let text = |name| environment.text(name);
        let app = text("MODELSTAT_APP").or_else(|| text("OTEL_SERVICE_NAME"));
        let mut config = Self::new(
            text("MODELSTAT_INGEST_KEY").unwrap_or_default(),
            text("MODELSTAT_AGENT").unwrap_or_else(|| "raw_sdk_generic".into()),
            app.unwrap_or_else(|| modelstat_wire::DEFAULT_APP.into()),
        );
        if let Some(device_id) = text("MODELSTAT_DEVICE_ID") {
            config.device_id = device_id;
        }
        if let Some(base_url) = text("MODELSTAT_SERVER_URL") {
            config.mode = Mode::Remote { base_url, raw: environment.is_on("MODELSTAT_RAW") };
        } else if let Some(url) = text("MODELSTAT_DAEMON_URL") {
            config.mode = Mode::LocalDaemon { url };
        }
        config.apply_switches(environment);
        config
    }

    /// Applies the switches that hold however a client was configured.
    pub(crate) fn apply_switches(&mut self, environment: &Environment) {
        self.is_disabled |= environment.is_on("MODELSTAT_DISABLED");
        self.allow_raw |= environment.is_on("MODELSTAT_ALLOW_RAW");
    }

    /// Adds a tag of every call.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Sends straight to a server; with `raw`, whole redacted turns.
    #[must_use]
    pub fn with_remote(mut self, base_url: impl Into<String>, raw: bool) -> Self {
        self.mode = Mode::Remote { base_url: base_url.into(), raw };
        self
    }

    /// Sets the device.
    #[must_use]
    pub fn with_device_id(mut self, device_id: impl Into<String>) -> Self {
        self.device_id = device_id.into();
        self
    }

    /// Sends only the first 320 characters of a turn to the daemon, even if it asks for all of it.
    #[must_use]
    pub fn with_excerpts_only(mut self) -> Self {
        self.full_turns = false;
        self
    }

    /// Whether the mode itself sends whole turns: straight to a server, with `raw`.
    #[must_use]
    pub fn sends_full_turns(&self) -> bool {
        matches!(self.mode, Mode::Remote { raw: true, .. })
    }
}

/// Shows everything but the credential.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("app", &self.app)
            .field("device_id", &self.device_id)
            .field("agent", &self.agent)
            .field("client_version", &self.client_version)
            .field("mode", &self.mode)
            .field("redaction", &self.redaction)
            .field("buffer_capacity", &self.buffer_capacity)
            .field("byte_budget", &self.byte_budget)
            .field("flush_interval", &self.flush_interval)
            .field("flush_max_batch", &self.flush_max_batch)
            .field("auto_taxonomy", &self.auto_taxonomy)
            .field("metadata", &self.metadata)
            .field("full_turns", &self.full_turns)
            .field("allow_raw", &self.allow_raw)
            .field("is_disabled", &self.is_disabled)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Config {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Config::from_environment(&Environment::of(variables.collect()))
    }

    #[test]
    fn the_environment_is_read() {
        let config = from(&[
            ("MODELSTAT_INGEST_KEY", "key"),
            ("OTEL_SERVICE_NAME", "checkout-api"),
            ("MODELSTAT_SERVER_URL", "https://example.test/"),
            ("MODELSTAT_RAW", "1"),
        ]);
        assert_eq!((config.app.as_str(), config.ingest_key.as_str()), ("checkout-api", "key"));
        assert_eq!(config.mode.endpoint(), "https://example.test/v1/ingest/raw");
        assert!(config.sends_full_turns() && !config.is_disabled);
    }

    #[test]
    fn nothing_set_means_the_daemon_and_the_default_app() {
        let config = from(&[("MODELSTAT_APP", "  "), ("MODELSTAT_DISABLED", "1")]);
        assert_eq!(config.app, "default");
        assert_eq!(config.mode.endpoint(), Mode::DEFAULT_DAEMON_URL);
        assert!(config.is_disabled);
    }

    #[test]
    fn the_credential_is_not_printed() {
        let config = Config::new("the-credential", "raw_sdk_openai", " checkout-api ");
        assert_eq!(config.app, "checkout-api");
        assert!(!format!("{config:?}").contains("the-credential"));
    }

    #[test]
    #[should_panic(expected = "non-empty `app`")]
    fn a_blank_app_is_refused() {
        drop(Config::new("key", "raw_sdk_openai", "   "));
    }
}
