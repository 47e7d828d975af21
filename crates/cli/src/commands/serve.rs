//! `modelstat server` and `modelstat daemon`, each alone; `up` puts the same parts together.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, absolute};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use modelstat_daemon::{
    Daemon, DeviceState, DeviceStatus, Engines, Excerpt, Hashes, Reach, Secret, SocketError,
    StartError,
};
use modelstat_redact::UserRules;
use modelstat_server::{OperatorToken, Server};
use modelstat_wire::SystemClock;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::DEFAULT_ORG;
use crate::args::{
    DaemonArguments, DaemonOptions, EngineOptions, ExcerptWord, FallbackWord, HashesWord,
    ServerArguments,
};
use crate::config::{File, Socket};
use crate::error::hinted;
use crate::floor::{batch_floor, host_rules};
use crate::home::{Home, RunNote, random_token};
use crate::{host, identifiers, output};

/// How long the daemon goes on shipping when it is told to stop.
pub(crate) const SHIP_DEADLINE: Duration = Duration::from_secs(5);

/// How long a start waits for the server's answer to a registration, before it says that it is ready.
const REGISTER_PATIENCE: Duration = Duration::from_secs(2);

/// How often it looks.
const REGISTER_STEP: Duration = Duration::from_millis(20);

/// `modelstat server`
pub(crate) fn server(arguments: &ServerArguments) -> anyhow::Result<()> {
    let home = Home::open(&arguments.home)?;
    let file = File::read(&arguments.home, &home)?;
    let rules = host_rules(&file, &arguments.redaction, &home)?;
    let _lock = home.lock()?;
    start_logging();
    run_async(async {
        let end = EndWatch::start()?;
        let token = random_token()?;
        let setup = ServerSetup {
            file: &file,
            fallback: arguments.fallback,
            engine: &arguments.engine,
            rules: rules.as_ref(),
            listen: file.listen(arguments.listen),
            token: &token,
            daemon_url: None,
        };
        let server = start_server(&home, setup).await?;
        let url = format!("http://{}", server.address());
        // Keys belong to an org, so there is one from the start.
        server.ensure_org(DEFAULT_ORG).context("could not make the first org")?;
        note_running(&home, token, Some(&url), None)?;
        if arguments.json {
            output::json(&json!({ "dashboard": url, "ingest_url": format!("{url}/v1/ingest") }));
        } else {
            output::line(&format!("server    {url}/v1/ingest"));
            output::line("keys      modelstat keys create");
        }
        end.drain(server.stop()).await;
        home.remove_run_note();
        Ok(())
    })
}

/// `modelstat daemon`
pub(crate) fn daemon(arguments: &DaemonArguments) -> anyhow::Result<()> {
    let home = Home::open(&arguments.home)?;
    let file = File::read(&arguments.home, &home)?;
    let rules = host_rules(&file, &arguments.redaction, &home)?;
    let _lock = home.lock()?;
    start_logging();
    run_async(async {
        let end = EndWatch::start()?;
        let token = random_token()?;
        let server_url = file.server_url(arguments.server_url.as_deref());
        let daemon = start_daemon(
            &home,
            DaemonSetup {
                file: &file,
                options: &arguments.daemon,
                rules: rules.as_ref(),
                listen: file.daemon_listen(arguments.daemon_listen),
                server_url: server_url.clone(),
                token: &token,
            },
        )
        .await?;
        let url = format!("http://{}", daemon.address());
        let socket = daemon.socket().map(shown_socket);
        note_running(&home, token, None, Some((&url, socket.as_deref())))?;
        let device = device_of(&daemon).await;
        if arguments.json {
            let mut ready = json!({
                "daemon_url": format!("{url}/v1/ingest"),
                "server_url": server_url,
                "device": device,
            });
            if let Some(socket) = &socket {
                ready["daemon_socket"] = json!(socket);
            }
            output::json(&ready);
        } else {
            output::line(&format!("daemon    {url}/v1/ingest"));
            if let Some(socket) = &socket {
                output::line(&format!("          unix:{socket}"));
            }
            output::line(&format!("ships to  {server_url}"));
            if let Some(device) = device {
                output::line(&format!("device    {}", describe_device(&device)));
            }
        }
        end.drain(stop_daemon(daemon)).await;
        home.remove_run_note();
        Ok(())
    })
}

/// Runs a server or daemon to its end.
pub(crate) fn run_async(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("io")
        .build()
        .context("could not start the runtime")?;
    let ended = runtime.block_on(work);
    // Everything was joined, unless somebody was in a hurry: then nothing is waited for.
    runtime.shutdown_background();
    ended
}

/// What a server is started with.
pub(crate) struct ServerSetup<'a> {
    pub(crate) file: &'a File,
    pub(crate) fallback: Option<FallbackWord>,
    pub(crate) engine: &'a EngineOptions,
    pub(crate) rules: Option<&'a UserRules>,
    pub(crate) listen: SocketAddr,
    pub(crate) token: &'a str,
    pub(crate) daemon_url: Option<String>,
}

/// Starts a server on the files of a data directory.
pub(crate) async fn start_server(home: &Home, setup: ServerSetup<'_>) -> anyhow::Result<Server> {
    let listen = setup.listen;
    let config = modelstat_server::Config {
        listen,
        data_dir: home.server_folder(),
        floor: batch_floor(home.identifier_key("server")?, setup.rules),
        operator: OperatorToken::new(setup.token.to_owned()),
        daemon_url: setup.daemon_url,
        segments: setup.file.segments()?,
        engines: Engines { fallback: setup.file.fallback(setup.fallback), ..Engines::default() },
        models: setup.file.engines(setup.engine, home)?,
        text_bytes: setup.file.raw_bytes()?,
    };
    let started = Server::start(config, Arc::new(SystemClock)).await;
    started.map_err(|error| explain_listen(anyhow::Error::new(error), listen, "--listen"))
}

/// What a daemon is started with.
pub(crate) struct DaemonSetup<'a> {
    pub(crate) file: &'a File,
    pub(crate) options: &'a DaemonOptions,
    pub(crate) rules: Option<&'a UserRules>,
    pub(crate) listen: SocketAddr,
    pub(crate) server_url: String,
    pub(crate) token: &'a str,
}

/// Starts a daemon on the files of a data directory.
pub(crate) async fn start_daemon(home: &Home, setup: DaemonSetup<'_>) -> anyhow::Result<Daemon> {
    let key = home.identifier_key("daemon")?;
    let reach = reach(home, setup.file, setup.options)?;
    let mut floor = batch_floor(key.clone(), setup.rules);
    if setup.file.redact_identifiers(setup.options) {
        floor = floor.with_identifiers(&identifiers::of_this_host());
    }
    let with_hostname = setup.file.register_hostname(setup.options);
    let is_device = setup.file.register(setup.options);
    let config = modelstat_daemon::Config {
        floor,
        register: is_device.then(|| host::registration(&key, with_hostname)),
        listen: setup.listen,
        reach,
        own_key: setup.file.daemon_key(setup.options).map(Secret::new),
        excerpt: match setup.file.excerpt(setup.options) {
            ExcerptWord::None => Excerpt::None,
            ExcerptWord::Short => Excerpt::Short,
        },
        hashes: match setup.file.hashes(setup.options) {
            HashesWord::Keyed => Hashes::Keyed,
            HashesWord::Published => Hashes::Published,
        },
        segments: setup.file.segments()?,
        model_queue: setup.file.model_queue()?,
        engines: Engines {
            fallback: setup.file.fallback(setup.options.fallback),
            ..Engines::default()
        },
        models: setup.file.engines(&setup.options.engine, home)?,
        spool: setup.file.spool_limits()?,
        ..modelstat_daemon::Config::new(
            home.daemon_folder(),
            setup.server_url,
            Secret::new(setup.token),
            key,
        )
    };
    let (listen, socket) = (config.listen, config.reach.socket.clone());
    // It opens files and waits for them, which must not hold up the threads of the runtime.
    let starting = tokio::task::spawn_blocking(|| Daemon::start(config, Arc::new(SystemClock)));
    let started = starting.await.context("starting the daemon broke off")?;
    started.map_err(|error| {
        let error = explain_socket(anyhow::Error::new(error), socket.as_deref());
        explain_listen(error, listen, "--daemon-listen")
    })
}

/// Who may reach a daemon on a data directory.
fn reach(home: &Home, file: &File, options: &DaemonOptions) -> anyhow::Result<Reach> {
    let options = &options.reach;
    let socket = match file.daemon_socket(options, home) {
        Socket::None => None,
        Socket::At(path) => Some(path),
        Socket::Default(path) if modelstat_daemon::is_socket_path(&path) => Some(path),
        Socket::Default(_) => {
            output::note(
                "the data directory's path is too long for a unix socket in it; \
                 --daemon-socket names a shorter one",
            );
            None
        }
    };
    Ok(Reach {
        socket,
        token: Some(Secret::new(home.daemon_token()?)),
        requires_token: file.require_token(options),
        allows_other_machines: file.daemon_allow_remote(options),
    })
}

/// The socket's place for programs that run in another folder than this one.
pub(crate) fn shown_socket(path: &Path) -> String {
    absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Says what to do about a unix socket that cannot be listened on.
fn explain_socket(error: anyhow::Error, path: Option<&Path>) -> anyhow::Error {
    let Some(path) = path.map(Path::display) else { return error };
    let cause = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(StartError::Socket(cause)) => Some(cause),
        _ => None,
    });
    let remedy = match cause {
        None => return error,
        Some(SocketError::TooLong { .. }) => "name a shorter path with --daemon-socket",
        Some(SocketError::Taken) => {
            "stop that process, or choose another path with --daemon-socket"
        }
        Some(SocketError::NoSocket) => {
            "remove that file, or choose another path with --daemon-socket"
        }
        Some(_) => "choose a path in a folder of yours with --daemon-socket, or `none`",
    };
    let message = cause.map(ToString::to_string).unwrap_or_default();
    hinted(format!("{message} ({path})"), remedy)
}

/// How the daemon does as a device, after a moment in which a server that is there answers.
pub(crate) async fn device_of(daemon: &Daemon) -> Option<DeviceStatus> {
    let until = tokio::time::Instant::now() + REGISTER_PATIENCE;
    loop {
        let device = daemon.device()?;
        let is_over = tokio::time::Instant::now() >= until;
        if device.state != DeviceState::Registering || device.reason.is_some() || is_over {
            return Some(device);
        }
        tokio::time::sleep(REGISTER_STEP).await;
    }
}

/// Says in a line what a person has to know of the device.
pub(crate) fn describe_device(device: &DeviceStatus) -> String {
    let id = device.device_id.as_deref().unwrap_or("none yet");
    let reason = device.reason.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
    match (device.state, &device.claim_code) {
        (DeviceState::Registering, _) => {
            format!("not registered yet{reason}; `modelstat status` tells how it goes")
        }
        (DeviceState::Unclaimed, code) => {
            let code = code.as_deref().unwrap_or("<code>");
            let what = if device.ships_events { "events wait" } else { "it only sends heartbeats" };
            format!("{id}, unclaimed: {what} until `modelstat devices claim {code}` on the server")
        }
        (DeviceState::Claimed, _) => id.to_owned(),
        (DeviceState::Paused, _) => format!("{id}, refused by the server{reason}"),
    }
}

/// Lets the daemon ship for a while, and joins its threads.
pub(crate) async fn stop_daemon(daemon: Daemon) {
    let stopping = tokio::task::spawn_blocking(move || daemon.shutdown(SHIP_DEADLINE));
    if stopping.await.is_err() {
        output::note("the daemon could not be stopped in order");
    }
}

/// Notes how to reach this process.
pub(crate) fn note_running(
    home: &Home,
    token: String,
    server_url: Option<&str>,
    daemon: Option<(&str, Option<&str>)>,
) -> anyhow::Result<()> {
    home.write_run_note(&RunNote {
        pid: std::process::id(),
        token,
        server_url: server_url.map(str::to_owned),
        daemon_url: daemon.map(|(url, _)| url.to_owned()),
        daemon_socket: daemon.and_then(|(_, socket)| socket.map(str::to_owned)),
    })
}

/// Watches for Ctrl-C and requests to end; made before anybody is told that we are ready.
pub(crate) struct EndWatch {
    terminate: Signal,
    interrupt: Signal,
}

impl EndWatch {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("could not watch for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("could not watch for SIGINT")?,
        })
    }

    /// Waits until one comes, and ends in order. Another one ends at once: what was acknowledged is on
    /// disk, and goes on at the next start.
    pub(crate) async fn drain(mut self, ending: impl Future<Output = ()>) {
        self.next().await;
        output::note("stopping: intake is closed, what waits is being shipped");
        tokio::select! {
            () = ending => {}
            () = self.next() => output::note("stopping at once: what waits stays on disk"),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Starts logging to standard error; `MODELSTAT_LOG` sets what is logged.
pub(crate) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::WARN.into())
        .with_env_var("MODELSTAT_LOG")
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// A taken port gets one line that says who could hold it and which flag changes it.
fn explain_listen(error: anyhow::Error, listen: SocketAddr, flag: &str) -> anyhow::Error {
    let port = listen.port();
    match listen_failure(&error) {
        Some(ErrorKind::AddrInUse) => hinted(
            format!(
                "{listen} is taken, probably by another modelstat (`ss -ltnp 'sport = :{port}'` tells)"
            ),
            format!(
                "stop it, or choose another address: {flag} {}:0 takes a free port",
                listen.ip()
            ),
        ),
        Some(ErrorKind::PermissionDenied) => hinted(
            format!("{listen} needs more rights than this process has"),
            format!("choose a port above 1023 with {flag}"),
        ),
        _ if is_beyond_loopback(&error) => hinted(
            format!("{listen} can be reached by other machines"),
            format!(
                "choose an address of this machine with {flag}, or say --daemon-allow-remote \
                 (best with --require-token)"
            ),
        ),
        _ => error,
    }
}

fn is_beyond_loopback(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let cause = cause.downcast_ref();
        matches!(cause, Some(StartError::NotLoopback { .. }))
    })
}

/// Finds out whether an address could not be listened on, and why.
fn listen_failure(error: &anyhow::Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        if let Some(modelstat_server::StartError::Listen { source, .. }) = cause.downcast_ref() {
            return Some(source.kind());
        }
        match cause.downcast_ref::<StartError>()? {
            StartError::PortTaken { .. } => Some(ErrorKind::AddrInUse),
            StartError::Listen { source, .. } => Some(source.kind()),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_shown_with_its_whole_path() {
        assert_eq!(shown_socket(Path::new("/run/daemon.sock")), "/run/daemon.sock");
        let shown = shown_socket(Path::new("data/daemon.sock"));
        assert!(shown.starts_with('/') && shown.ends_with("/data/daemon.sock"), "{shown}");
    }
}
