//! The `modelstat` binary: daemon, server and command line in one.

mod args;
mod client;
mod commands;
mod config;
mod demo;
mod engine_section;
mod error;
mod floor;
mod home;
mod host;
mod identifiers;
mod output;
mod process;
mod spool_section;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Verb};

fn main() -> ExitCode {
    process::harden();
    let arguments = Arguments::parse();
    let done = match arguments.verb {
        Verb::Up(up) => commands::up::run(&up),
        Verb::Server(server) => commands::serve::server(&server),
        Verb::Daemon(daemon) => commands::serve::daemon(&daemon),
        Verb::Status(status) => commands::status::run(&status),
        Verb::Keys(keys) => commands::keys::run(&keys),
        Verb::Orgs(orgs) => commands::orgs::run(&orgs),
        Verb::Devices(devices) => commands::devices::run(&devices),
        Verb::Service(service) => commands::service::run(&service),
        Verb::Egress(egress) => commands::egress::run(&egress),
        Verb::Redact(redact) => commands::redact::run(&redact),
        Verb::Prices(prices) => commands::prices::run(&prices),
        Verb::Model(model) => commands::model::run(&model),
        Verb::Demo(demo) => commands::demo::run(&demo),
        Verb::Engine(engine) => commands::engine::run(&engine),
        Verb::Docs(docs) => commands::docs::run(&docs),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::fail(&error),
    }
}
