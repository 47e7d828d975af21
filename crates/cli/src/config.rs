//! Configuration: flag, environment, `modelstat.toml`, default, in this order. Flags and environment
//! come together from `args`; this file adds the other two.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use modelstat_daemon::{
    FallbackEngine, ModelEngines, SegmentLimits, SegmentOptionError, SegmentOptions, SpoolLimits,
};
use serde::Deserialize;

use crate::args::{
    DaemonOptions, EngineOptions, ExcerptWord, FallbackWord, HashesWord, HomeArguments,
    ReachOptions, RedactionOptions,
};
use crate::engine_section::EngineSection;
use crate::error::hinted;
use crate::home::Home;
use crate::spool_section::{RawSection, SpoolSection};

/// Where the server listens unless it is told otherwise.
const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 4320));

/// Where the daemon listens unless it is told otherwise; published clients post there.
const DEFAULT_DAEMON_LISTEN: SocketAddr =
    SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 4319));

const DEFAULT_SERVER_URL: &str = "http://127.0.0.1:4320";

/// What `modelstat.toml` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    listen: Option<SocketAddr>,
    daemon_listen: Option<SocketAddr>,
    server_url: Option<String>,
    daemon_key: Option<String>,
    excerpt: Option<ExcerptWord>,
    hashes: Option<HashesWord>,
    daemon_socket: Option<PathBuf>,
    require_token: Option<bool>,
    daemon_allow_remote: Option<bool>,
    register: Option<bool>,
    register_hostname: Option<bool>,
    fallback: Option<FallbackWord>,
    #[serde(default)]
    segments: SegmentOptions,
    #[serde(default)]
    redact: RedactSection,
    #[serde(default)]
    spool: SpoolSection,
    #[serde(default)]
    raw: RawSection,
    #[serde(default)]
    engine: EngineSection,
    /// Where the file lies, from which its paths go.
    #[serde(skip)]
    folder: PathBuf,
}

/// Where the daemon's unix socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Socket {
    /// There is none.
    None,
    /// Where nobody named a place: gone without when the system cannot have one there.
    Default(PathBuf),
    /// Where it was asked for.
    At(PathBuf),
}

/// The section `[redact]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedactSection {
    identifiers: Option<bool>,
    rules: Option<PathBuf>,
}

/// Reads a variable of the environment.
#[expect(clippy::disallowed_methods, reason = "configuration is read here")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl File {
    /// Reads the configuration file; the default one may be absent.
    pub(crate) fn read(arguments: &HomeArguments, home: &Home) -> anyhow::Result<Self> {
        let default = home.folder().join("modelstat.toml");
        let path = arguments.config.as_deref().unwrap_or(&default);
        if arguments.config.is_none() && !path.exists() {
            return Ok(Self::default());
        }
        Self::parse(path)
    }

    fn parse(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read {}", path.display()))?;
        let parsed: Result<Self, toml::de::Error> = toml::from_str(&text);
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let file = parsed.map(|file| Self { folder, ..file }).map_err(|error| {
            // The parser quotes the line, which may hold a key.
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            hinted(
                format!("{} is not valid (line {line})", path.display()),
                "known keys: listen, daemon_listen, server_url, daemon_key, excerpt, hashes, \
                 daemon_socket, require_token, daemon_allow_remote, register, register_hostname, \
                 fallback, redact.identifiers, redact.rules, segments.gap_seconds, \
                 segments.max_turns, segments.max_span_seconds, segments.max_chars, \
                 segments.quiet_seconds, segments.model_queue, spool.max_bytes, spool.max_age, spool.reserve_bytes, \
                 engine.model, engine.threads, engine.sequences, engine.idle_minutes, \
                 engine.max_memory_mb, engine.job_seconds, engine.priority, engine.url, engine.url_model, \
                 engine.allow_remote, engine.api_key_file, raw.max_bytes",
            )
        })?;
        // Before anything starts.
        file.segments()?;
        file.model_queue()?;
        file.raw_bytes()?;
        file.engine.check()?;
        Ok(file)
    }

    pub(crate) fn listen(&self, given: Option<SocketAddr>) -> SocketAddr {
        given.or(self.listen).unwrap_or(DEFAULT_LISTEN)
    }

    pub(crate) fn daemon_listen(&self, given: Option<SocketAddr>) -> SocketAddr {
        given.or(self.daemon_listen).unwrap_or(DEFAULT_DAEMON_LISTEN)
    }

    pub(crate) fn server_url(&self, given: Option<&str>) -> String {
        given.or(self.server_url.as_deref()).unwrap_or(DEFAULT_SERVER_URL).to_owned()
    }

    pub(crate) fn daemon_key(&self, options: &DaemonOptions) -> Option<String> {
        options.daemon_key.clone().or_else(|| self.daemon_key.clone())
    }

    pub(crate) fn excerpt(&self, options: &DaemonOptions) -> ExcerptWord {
        options.excerpt.or(self.excerpt).unwrap_or(ExcerptWord::None)
    }

    pub(crate) fn hashes(&self, options: &DaemonOptions) -> HashesWord {
        options.hashes.or(self.hashes).unwrap_or(HashesWord::Keyed)
    }

    /// The unix socket that was asked for; without a word, the default one.
    pub(crate) fn daemon_socket(&self, options: &ReachOptions, home: &Home) -> Socket {
        let in_file = self.daemon_socket.as_ref().map(|path| match path.as_os_str() {
            word if word == "none" => path.clone(),
            _ => self.folder.join(path),
        });
        match options.daemon_socket.clone().or(in_file) {
            None => Socket::Default(home.daemon_folder().join("daemon.sock")),
            Some(path) if path.as_os_str() == "none" => Socket::None,
            Some(path) => Socket::At(path),
        }
    }

    pub(crate) fn require_token(&self, options: &ReachOptions) -> bool {
        options.require_token.or(self.require_token).unwrap_or(false)
    }

    pub(crate) fn daemon_allow_remote(&self, options: &ReachOptions) -> bool {
        options.daemon_allow_remote.or(self.daemon_allow_remote).unwrap_or(false)
    }

    pub(crate) fn register(&self, options: &DaemonOptions) -> bool {
        options.register.or(self.register).unwrap_or(false)
    }

    pub(crate) fn register_hostname(&self, options: &DaemonOptions) -> bool {
        options.register_hostname.or(self.register_hostname).unwrap_or(false)
    }

    /// What makes an abstract where no model does, on a daemon and on a server.
    pub(crate) fn fallback(&self, given: Option<FallbackWord>) -> FallbackEngine {
        match given.or(self.fallback).unwrap_or(FallbackWord::Template) {
            FallbackWord::Template => FallbackEngine::Template,
            FallbackWord::Extract => FallbackEngine::Extract,
        }
    }

    /// How many bytes of one org's turns wait for their abstracts on a server.
    pub(crate) fn raw_bytes(&self) -> anyhow::Result<u64> {
        self.raw.max_bytes()
    }

    /// When a segment ends.
    pub(crate) fn segments(&self) -> anyhow::Result<SegmentLimits> {
        self.segments.limits().map_err(out_of_range)
    }

    /// How many segments may wait for a model.
    pub(crate) fn model_queue(&self) -> anyhow::Result<usize> {
        self.segments.model_queue().map_err(out_of_range)
    }

    /// Limits of the daemon's spool, checked.
    pub(crate) fn spool_limits(&self) -> anyhow::Result<SpoolLimits> {
        self.spool.limits()
    }

    /// The engines with a model that were asked for.
    pub(crate) fn engines(
        &self,
        options: &EngineOptions,
        home: &Home,
    ) -> anyhow::Result<ModelEngines> {
        self.engine.engines(options, home, &self.folder)
    }

    pub(crate) fn redact_identifiers(&self, options: &DaemonOptions) -> bool {
        options.redact_identifiers.or(self.redact.identifiers).unwrap_or(true)
    }

    pub(crate) fn redact_rules(&self, options: &RedactionOptions) -> Option<PathBuf> {
        let in_file = || self.redact.rules.as_ref().map(|path| self.folder.join(path));
        options.redact_rules.clone().or_else(in_file)
    }
}
fn out_of_range(error: SegmentOptionError) -> anyhow::Error {
    hinted(error.to_string(), format!("change {} in modelstat.toml", error.name()))
}
