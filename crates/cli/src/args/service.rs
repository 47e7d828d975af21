//! What can be typed after `modelstat service`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{HomeArguments, RedactionOptions};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelstat service install                      the daemon, as a service of yours
  modelstat service install --server-url https://stats.example --register
  modelstat service install --verb up --dry-run  shows the unit, and writes nothing
  sudo modelstat service install --system        a service of the machine, data in /var/lib/modelstat
  modelstat service status
  modelstat service uninstall")]
pub(crate) struct ServiceArguments {
    #[command(subcommand)]
    pub(crate) verb: ServiceVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceVerb {
    /// Write the unit, enable and start it
    Install(Box<ServiceInstallArguments>),
    /// Stop, disable and remove the unit; data stays
    Uninstall {
        #[command(flatten)]
        target: ServiceTarget,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show whether it is installed, enabled and active
    Status {
        #[command(flatten)]
        target: ServiceTarget,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServiceTarget {
    /// The machine's services instead of yours
    #[arg(long)]
    pub(crate) system: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceInstallArguments {
    #[command(flatten)]
    pub(crate) target: ServiceTarget,
    /// What the service runs
    #[arg(long, value_enum, default_value_t = ServiceWord::Daemon)]
    pub(crate) verb: ServiceWord,
    #[command(flatten)]
    pub(crate) home: HomeArguments,
    /// The server that the daemon ships to
    #[arg(long, value_name = "URL", env = "MODELSTAT_SERVER_URL")]
    pub(crate) server_url: Option<String>,
    /// Where the server listens
    #[arg(long, value_name = "ADDRESS", env = "MODELSTAT_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the daemon listens
    #[arg(long, value_name = "ADDRESS", env = "MODELSTAT_DAEMON_LISTEN")]
    pub(crate) daemon_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) redaction: RedactionOptions,
    /// Let the daemon register with the server as a device
    #[arg(long)]
    pub(crate) register: bool,
    /// The user that a system service runs as [default: one that systemd makes up]
    #[arg(long, value_name = "USER")]
    pub(crate) run_as: Option<String>,
    /// A file of `NAME=value` lines with secrets, mode 0600, that systemd reads at each start
    #[arg(long, value_name = "FILE")]
    pub(crate) environment_file: Option<PathBuf>,
    /// Overwrite a unit that this verb did not write
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the unit, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServiceWord {
    /// The daemon alone
    Daemon,
    /// Server and daemon
    Up,
    /// The server alone
    Server,
}

impl ServiceWord {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Up => "up",
            Self::Server => "server",
        }
    }
}
