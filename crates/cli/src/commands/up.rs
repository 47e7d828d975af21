//! `modelstat up`: server and daemon in one process, talking real loopback HTTP.

use anyhow::Context;
use modelstat_daemon::{Daemon, DeviceStatus};
use modelstat_redact::UserRules;
use modelstat_server::{DEMO_ORG, Server};
use modelstat_store::{Org, Scope};
use modelstat_wire::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::DEFAULT_ORG;
use super::serve::{
    DaemonSetup, EndWatch, ServerSetup, describe_device, device_of, note_running, run_async,
    shown_socket, start_daemon, start_logging, start_server, stop_daemon,
};
use crate::args::UpArguments;
use crate::config::File;
use crate::demo;
use crate::floor::host_rules;
use crate::home::{Home, random_token};
use crate::output;

/// How long the read key in a dashboard's address is good.
const DASHBOARD_KEY_HOURS: i64 = 24;

/// `modelstat up`
pub(crate) fn run(arguments: &UpArguments) -> anyhow::Result<()> {
    let home = Home::open(&arguments.home)?;
    let file = File::read(&arguments.home, &home)?;
    let rules = host_rules(&file, &arguments.redaction, &home)?;
    let _lock = home.lock()?;
    start_logging();
    run_async(async {
        let end = EndWatch::start()?;
        let parts = start(&home, &file, rules.as_ref(), arguments).await?;
        let ready = greet(&parts.server, &parts, arguments.demo).await;
        match ready {
            Ok(ready) if arguments.json => output::json(&ready.as_json()),
            Ok(ready) => ready.print(&home),
            Err(error) => {
                stop(parts, &home).await;
                return Err(error);
            }
        }
        end.drain(stop(parts, &home)).await;
        home.remove_run_note();
        Ok(())
    })
}

/// Server and daemon at work.
struct Parts {
    server: Server,
    daemon: Daemon,
    server_url: String,
    daemon_url: String,
    daemon_socket: Option<String>,
}

async fn start(
    home: &Home,
    file: &File,
    rules: Option<&UserRules>,
    arguments: &UpArguments,
) -> anyhow::Result<Parts> {
    let token = random_token()?;
    let daemon_listen = file.daemon_listen(arguments.daemon_listen);
    let shown_daemon =
        Some(format!("http://{daemon_listen}/v1/ingest")).filter(|_| daemon_listen.port() != 0);
    let setup = ServerSetup {
        file,
        fallback: arguments.daemon.fallback,
        engine: &arguments.daemon.engine,
        rules,
        listen: file.listen(arguments.listen),
        token: &token,
        daemon_url: shown_daemon,
    };
    let server = start_server(home, setup).await?;
    let server_url = format!("http://{}", server.address());
    let setup = DaemonSetup {
        file,
        options: &arguments.daemon,
        rules,
        listen: daemon_listen,
        server_url: server_url.clone(),
        token: &token,
    };
    let daemon = match start_daemon(home, setup).await {
        Ok(daemon) => daemon,
        Err(error) => {
            server.stop().await;
            return Err(error);
        }
    };
    let daemon_url = format!("http://{}", daemon.address());
    let daemon_socket = daemon.socket().map(shown_socket);
    let reached = (daemon_url.as_str(), daemon_socket.as_deref());
    note_running(home, token, Some(&server_url), Some(reached))?;
    Ok(Parts { server, daemon, server_url, daemon_url, daemon_socket })
}

/// Ends in the order in which data flows, so that nothing waits for what is gone.
async fn stop(parts: Parts, home: &Home) {
    stop_daemon(parts.daemon).await;
    parts.server.stop().await;
    home.remove_run_note();
}

/// What is told to the person or script that started us.
struct Ready {
    dashboard: String,
    demo_dashboard: Option<String>,
    ingest_url: String,
    daemon_url: String,
    daemon_socket: Option<String>,
    org: Org,
    /// The daemon as a device, where it registers.
    device: Option<DeviceStatus>,
    /// The org's first keys, at the first start of a data directory only.
    first_keys: Option<FirstKeys>,
}

struct FirstKeys {
    ingest: String,
    read: String,
}

async fn greet(server: &Server, parts: &Parts, wants_demo: bool) -> anyhow::Result<Ready> {
    let (org, is_new) = server.ensure_org(DEFAULT_ORG).context("could not make the first org")?;
    let first_keys = if is_new {
        Some(FirstKeys {
            ingest: server.create_key(&org, Scope::Ingest, "first ingest key", None)?,
            read: server.create_key(&org, Scope::Read, "first read key", None)?,
        })
    } else {
        None
    };
    let demo_dashboard = if wants_demo { Some(fill_demo(server, parts).await?) } else { None };
    Ok(Ready {
        dashboard: dashboard_address(server, &parts.server_url, &org)?,
        demo_dashboard,
        ingest_url: format!("{}/v1/ingest", parts.server_url),
        daemon_url: format!("{}/v1/ingest", parts.daemon_url),
        daemon_socket: parts.daemon_socket.clone(),
        org,
        device: device_of(&parts.daemon).await,
        first_keys,
    })
}

/// Makes the demo org at the first asking, and fills it through the same door as everybody.
async fn fill_demo(server: &Server, parts: &Parts) -> anyhow::Result<String> {
    let (org, is_new) = server.ensure_org(DEMO_ORG).context("could not make the demo org")?;
    if is_new {
        let now = SystemClock.now();
        let expires_at = hours_after(now, 1);
        let key = server.create_key(&org, Scope::Ingest, "sample data", Some(expires_at))?;
        let url = parts.server_url.clone();
        tokio::task::spawn_blocking(move || demo::fill(&url, &key, now))
            .await
            .context("making sample data broke off")?
            .context("could not send the sample data")?;
    }
    dashboard_address(server, &parts.server_url, &org)
}

/// The key is in the fragment, which browsers never send.
fn dashboard_address(server: &Server, server_url: &str, org: &Org) -> anyhow::Result<String> {
    let expires_at = hours_after(SystemClock.now(), DASHBOARD_KEY_HOURS);
    let key = server.create_key(org, Scope::Read, "dashboard of one start", Some(expires_at))?;
    Ok(format!("{server_url}/#key={key}"))
}

fn hours_after(now: Timestamp, hours: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros() + hours * 3_600_000_000)
}

impl Ready {
    fn as_json(&self) -> Value {
        let mut ready = json!({
            "dashboard": self.dashboard,
            "ingest_url": self.ingest_url,
            "daemon_url": self.daemon_url,
            "org": self.org.id,
        });
        if let Some(socket) = &self.daemon_socket {
            ready["daemon_socket"] = json!(socket);
        }
        if let Some(keys) = &self.first_keys {
            ready["ingest_key"] = json!(keys.ingest);
            ready["read_key"] = json!(keys.read);
        }
        if let Some(device) = &self.device {
            ready["device"] = json!(device);
        }
        if let Some(demo) = &self.demo_dashboard {
            ready["demo_dashboard"] = json!(demo);
        }
        ready
    }

    fn print(&self, home: &Home) {
        output::line("");
        output::line(&format!("  dashboard   {}", self.dashboard));
        if let Some(demo) = &self.demo_dashboard {
            output::line(&format!("  sample data {demo}"));
        }
        output::line(&format!(
            "  daemon      {}   (clients post here by default)",
            self.daemon_url
        ));
        if let Some(socket) = &self.daemon_socket {
            output::line(&format!("              unix:{socket}"));
        }
        output::line(&format!("  server      {}", self.ingest_url));
        if let Some(device) = &self.device {
            output::line(&format!("  device      {}", describe_device(device)));
        }
        match &self.first_keys {
            Some(keys) => {
                output::line("");
                output::line(&format!("  ingest key  {}", keys.ingest));
                output::line(&format!("  read key    {}", keys.read));
                output::line("  Both are shown this once; `modelstat keys create` makes more.");
            }
            None => output::line("  keys        modelstat keys list, modelstat keys create"),
        }
        output::line("");
        output::line(&format!(
            "  data in {}; the dashboard's key is good for 24 h; Ctrl-C stops",
            home.folder().display()
        ));
    }
}
