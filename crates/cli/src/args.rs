//! What can be typed.

mod devices;
mod engine;
mod service;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::egress::Since;
use crate::commands::model::ModelVerb;
use crate::commands::redact::Identifiers;

pub(crate) use devices::{DevicesArguments, DevicesVerb};
pub(crate) use engine::{EngineArguments, EngineOptions, PriorityWord};
pub(crate) use service::{
    ServiceArguments, ServiceInstallArguments, ServiceTarget, ServiceVerb, ServiceWord,
};

/// What your LLM spend buys, without a prompt ever leaving your machine.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "\
Examples:
  modelstat up                        server and daemon in one process, with a dashboard
  modelstat up --demo                 the same, with an org full of sample data beside yours
  modelstat keys create --scope read  a key for the query API
  modelstat egress                    what left this machine, request by request
  echo 'mail jane@example.com' | modelstat redact"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start server and daemon in one process, on embedded stores
    Up(UpArguments),
    /// Start the server alone
    Server(ServerArguments),
    /// Start the daemon alone
    Daemon(DaemonArguments),
    /// Show queues, outcomes and versions of the running process
    Status(QuietArguments),
    /// Make, list and revoke keys
    Keys(KeysArguments),
    /// Make and list orgs
    Orgs(OrgsArguments),
    /// Claim, list and revoke devices that registered with the server
    Devices(DevicesArguments),
    /// Install, remove and look at a service of systemd
    Service(ServiceArguments),
    /// Show what left this machine
    Egress(EgressArguments),
    /// Redact a file or standard input
    Redact(RedactArguments),
    /// Show the price book
    Prices(PricesArguments),
    /// Bring, check and remove the models that may summarise
    Model(ModelArguments),
    /// Manage the sample data
    Demo(DemoArguments),
    /// Summarise what comes on standard input with a model; the daemon starts this
    #[command(hide = true)]
    Engine(EngineArguments),
    /// Print parts of the documents that are generated from the code
    #[command(hide = true)]
    Docs(DocsArguments),
}

/// Where things are kept, and how they are set.
#[derive(Debug, Clone, Args)]
pub(crate) struct HomeArguments {
    /// The data directory [default: the platform's data directory]
    #[arg(long, value_name = "DIR", env = "MODELSTAT_HOME")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration file [default: modelstat.toml in the data directory]
    #[arg(long, value_name = "FILE", env = "MODELSTAT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// What daemon and server add to the built-in redaction.
#[derive(Debug, Clone, Args)]
pub(crate) struct RedactionOptions {
    /// Redaction rules of your own [default: redact.toml in the data directory]
    #[arg(long, value_name = "FILE", env = "MODELSTAT_REDACT_RULES")]
    pub(crate) redact_rules: Option<PathBuf>,
}

/// What the daemon can be told.
#[derive(Debug, Clone, Args)]
pub(crate) struct DaemonOptions {
    /// Ship everything with this key instead of the keys that clients bring
    #[arg(long, value_name = "KEY", env = "MODELSTAT_DAEMON_KEY", hide_env_values = true)]
    pub(crate) daemon_key: Option<String>,
    /// How much of a redacted turn is shipped
    #[arg(long, value_enum, env = "MODELSTAT_EXCERPT")]
    pub(crate) excerpt: Option<ExcerptWord>,
    /// How hashes of text are shipped
    #[arg(long, value_enum, env = "MODELSTAT_HASHES")]
    pub(crate) hashes: Option<HashesWord>,
    /// Register with the server as a device, ship with the secret that it gives, and send heartbeats
    /// [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "MODELSTAT_REGISTER",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) register: Option<bool>,
    /// Tell the server this machine's name when registering [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "MODELSTAT_REGISTER_HOSTNAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) register_hostname: Option<bool>,
    /// What makes an abstract where no model does
    #[arg(long, value_enum, env = "MODELSTAT_FALLBACK")]
    pub(crate) fallback: Option<FallbackWord>,
    /// Whether names that this host knows (of its user, of itself, of git) are hidden in texts
    /// [default: true]
    #[arg(
        long,
        value_name = "BOOL",
        env = "MODELSTAT_REDACT_IDENTIFIERS",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) redact_identifiers: Option<bool>,
    #[command(flatten)]
    pub(crate) engine: EngineOptions,
    #[command(flatten)]
    pub(crate) reach: ReachOptions,
}

/// Who may reach the daemon.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReachOptions {
    /// A unix socket to listen on too, or `none` [default: daemon/daemon.sock in the data directory]
    #[arg(long, value_name = "PATH|none", env = "MODELSTAT_DAEMON_SOCKET")]
    pub(crate) daemon_socket: Option<PathBuf>,
    /// Take batches over TCP only from who sends the secret in daemon.token, against other users of this
    /// machine [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "MODELSTAT_REQUIRE_TOKEN",
        value_parser = BoolishValueParser::new(),
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) require_token: Option<bool>,
    /// Let the daemon listen on an address that other machines reach [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "MODELSTAT_DAEMON_ALLOW_REMOTE",
        value_parser = BoolishValueParser::new(),
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) daemon_allow_remote: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExcerptWord {
    /// Nothing
    None,
    /// The first 320 characters
    #[value(name = "320")]
    #[serde(rename = "320")]
    Short,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HashesWord {
    /// Keyed with this installation's secret, so that a guess cannot be confirmed
    Keyed,
    /// As clients made them
    Published,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FallbackWord {
    /// Facts and key phrases: no sentence leaves
    Template,
    /// Redacted sentences
    Extract,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelstat up
  modelstat up --listen 127.0.0.1:8080 --daemon-listen 127.0.0.1:8081
  modelstat up --json | head -1        one line for scripts when it is ready")]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) home: HomeArguments,
    /// Where the server listens [default: 127.0.0.1:4320]
    #[arg(long, value_name = "ADDRESS", env = "MODELSTAT_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the daemon listens [default: 127.0.0.1:4319]
    #[arg(long, value_name = "ADDRESS", env = "MODELSTAT_DAEMON_LISTEN")]
    pub(crate) daemon_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) redaction: RedactionOptions,
    #[command(flatten)]
    pub(crate) daemon: DaemonOptions,
    /// Add an org `demo` full of sample data
    #[arg(long)]
    pub(crate) demo: bool,
    /// Print one line of JSON when it is ready
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    #[command(flatten)]
    pub(crate) home: HomeArguments,
    /// Where the server listens [default: 127.0.0.1:4320]
    #[arg(long, value_name = "ADDRESS", env = "MODELSTAT_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) redaction: RedactionOptions,
    /// What makes an abstract of whole turns where no model does
    #[arg(long, value_enum, env = "MODELSTAT_FALLBACK")]
    pub(crate) fallback: Option<FallbackWord>,
    #[command(flatten)]
    pub(crate) engine: EngineOptions,
    /// Print one line of JSON when it is ready
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DaemonArguments {
    #[command(flatten)]
    pub(crate) home: HomeArguments,
    /// Where the daemon listens [default: 127.0.0.1:4319]
    #[arg(long, value_name = "ADDRESS", env = "MODELSTAT_DAEMON_LISTEN")]
    pub(crate) daemon_listen: Option<SocketAddr>,
    /// The server to ship to [default: the local one, port 4320]
    #[arg(long, value_name = "URL", env = "MODELSTAT_SERVER_URL")]
    pub(crate) server_url: Option<String>,
    #[command(flatten)]
    pub(crate) redaction: RedactionOptions,
    #[command(flatten)]
    pub(crate) daemon: DaemonOptions,
    /// Print one line of JSON when it is ready
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuietArguments {
    #[command(flatten)]
    pub(crate) home: HomeArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelstat keys create                          an ingest key of the org `default`
  modelstat keys create --scope read --days 30
  modelstat keys list
  modelstat keys revoke key_0123456789abcdef")]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    pub(crate) verb: KeysVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysVerb {
    /// Make a key and show its secret, once
    Create {
        /// The org's name or id
        #[arg(long, default_value = crate::commands::DEFAULT_ORG)]
        org: String,
        /// What the key allows
        #[arg(long, value_enum, default_value_t = ScopeWord::Ingest)]
        scope: ScopeWord,
        /// A note to recognise it by
        #[arg(long, default_value = "")]
        label: String,
        /// End it by itself after so many days
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
        #[command(flatten)]
        quiet: QuietArguments,
    },
    /// List keys, without their secrets
    List {
        #[command(flatten)]
        quiet: QuietArguments,
    },
    /// Revoke a key
    Revoke {
        /// The key's id, as `keys list` shows it
        key_id: String,
        #[command(flatten)]
        quiet: QuietArguments,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeWord {
    /// Send events
    Ingest,
    /// Ask questions
    Read,
    /// Both
    Admin,
}

#[derive(Debug, Args)]
pub(crate) struct OrgsArguments {
    #[command(subcommand)]
    pub(crate) verb: OrgsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrgsVerb {
    /// Make an org
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        quiet: QuietArguments,
    },
    /// List orgs
    List {
        #[command(flatten)]
        quiet: QuietArguments,
    },
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  modelstat egress                            the newest requests, one a line
  modelstat egress --json | jq .              with their whole payloads
  modelstat egress --since 2h --grep acme     those of two hours whose payload says `acme`
  modelstat egress --follow                   what leaves from now on, too
  modelstat egress verify                     was the record of it altered?
  modelstat egress verify --server            and does the server have receipts for the same?"
)]
pub(crate) struct EgressArguments {
    #[command(subcommand)]
    pub(crate) verb: Option<EgressVerb>,
    /// How many of the newest requests [default: 50, or all with --since]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: Option<u32>,
    /// Only requests since a time, a day (in UTC), or a time span before now: 45s, 90m, 2h, 7d
    #[arg(long, value_name = "TIME|SPAN")]
    pub(crate) since: Option<Since>,
    /// Only requests whose payload, destination or batch id matches a regular expression
    #[arg(long, value_name = "PATTERN")]
    pub(crate) grep: Option<String>,
    /// Go on with what leaves from now on, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) quiet: QuietArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EgressVerb {
    /// Check that the record of what left was not altered
    ///
    /// Computes the chain of records, payloads and signatures again; the file is only read, whether the
    /// daemon runs or not. Exit code 1 tells that something is wrong, and the message names the record.
    Verify {
        /// Compare with the receipts that the server keeps; asked through the running daemon
        #[arg(long)]
        server: bool,
        #[command(flatten)]
        quiet: QuietArguments,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelstat redact trace.log > clean.log    any bytes, of any size
  modelstat redact --explain trace.log      what was found where, never the value
  modelstat redact --jsonl < texts.jsonl    {\"text\": …} in, the same redacted out, line by line
  modelstat redact --ip --identifiers auto  hide IP addresses and the names that this host knows
  modelstat redact --rules redact.toml      with rules of your own, see docs/redact-toml.md

Output:
  --explain         rule type tier start..end line:column
  --explain --json  {\"rule\", \"type\", \"start\", \"end\", \"class\", \"tier\", \"line\", \"column\"}
  --json, --jsonl   {\"text\", \"secrets\", \"pii\", \"findings\": [{\"rule\", \"type\", \"start\", \"end\"}]}
  start and end are bytes of the input (of the text, in JSON); columns count characters.
  A line of --jsonl that cannot be read becomes {\"error\", \"line\", \"column\"}; other keys are dropped.

Exit codes:
  0  done, whatever was found
  1  something could not be read or written, or a line of --jsonl was no object with a text
  2  the arguments are wrong")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RedactArguments {
    /// The file; standard input when left out or `-`
    pub(crate) file: Option<PathBuf>,
    /// Print one JSON object with text, counts and findings; with --explain, one for each finding
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) json: bool,
    /// Read lines of JSON with a `text` each, and write a line for each in the same order
    #[arg(long, conflicts_with = "explain")]
    pub(crate) jsonl: bool,
    /// Print what was found and where, instead of the text
    #[arg(long)]
    pub(crate) explain: bool,
    /// Leave out the summary on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Add the rules of a `redact.toml`
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Hide IP addresses too
    #[arg(long)]
    pub(crate) ip: bool,
    /// Hide these names too: a list with commas, or `auto` for those that this host knows (of its user,
    /// of itself, of git)
    #[arg(long, value_name = "auto|none|NAMES", default_value = "none")]
    pub(crate) identifiers: Identifiers,
}

#[derive(Debug, Args)]
pub(crate) struct PricesArguments {
    #[command(subcommand)]
    pub(crate) verb: PricesVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesVerb {
    /// List the models of the price book with their prices of today
    Show {
        /// Only models whose id contains this
        model: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelstat model list                     what there is, and what is here
  modelstat model pull                     bring the default model, after asking
  modelstat model pull qwen3.5-0.8b --yes  bring another, without asking
  modelstat model import Qwen3-0.6B-Q4_K_M.gguf
                                           take a file that somebody brought here

Files are pinned: each is known by its size and sha256, whatever server it comes from. A pull that broke
off goes on where it was. HTTPS_PROXY is honoured, and no credential is ever sent.")]
pub(crate) struct ModelArguments {
    #[command(subcommand)]
    pub(crate) verb: ModelVerb,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    #[command(subcommand)]
    pub(crate) verb: DemoVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DemoVerb {
    /// Remove the org `demo` with all its data and keys
    Rm {
        #[command(flatten)]
        quiet: QuietArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DocsArguments {
    #[command(subcommand)]
    pub(crate) verb: DocsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DocsVerb {
    /// The closed list of what leaves a machine with a daemon
    Egress,
}
