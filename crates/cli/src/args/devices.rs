//! What can be typed after `modelstat devices`.

use clap::{Args, Subcommand};

use super::QuietArguments;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelstat daemon --register                 on a machine: registers, and shows a claim code
  modelstat devices claim babab-dodod-gugug   on the server's machine: gives it to an org
  modelstat devices list
  modelstat devices revoke dev_0123456789abcdef0123456789abcdef")]
pub(crate) struct DevicesArguments {
    #[command(subcommand)]
    pub(crate) verb: DevicesVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DevicesVerb {
    /// Give the device of a claim code to an org
    Claim {
        /// The three words that the device's machine shows (`modelstat status`)
        code: String,
        /// The org's name or id
        #[arg(long, default_value = crate::commands::DEFAULT_ORG)]
        org: String,
        #[command(flatten)]
        quiet: QuietArguments,
    },
    /// List devices, without their secrets
    List {
        #[command(flatten)]
        quiet: QuietArguments,
    },
    /// Revoke a device
    Revoke {
        /// The device's id, as `devices list` shows it
        device_id: String,
        #[command(flatten)]
        quiet: QuietArguments,
    },
}
