//! `modelstat devices claim|list|revoke`

use serde_json::{Value, json};

use super::keys::with_directory;
use super::{Holder, holder, server_client};
use crate::args::{DevicesArguments, DevicesVerb, HomeArguments};
use crate::error::hinted;
use crate::output;

/// `modelstat devices …`
pub(crate) fn run(arguments: &DevicesArguments) -> anyhow::Result<()> {
    match &arguments.verb {
        DevicesVerb::Claim { code, org, quiet } => {
            let device = claim(&quiet.home, code, org)?;
            if quiet.json {
                output::json(&device);
            } else {
                output::line(&format!("{} belongs to {org}", text(&device["id"])));
            }
        }
        DevicesVerb::List { quiet } => list(&quiet.home, quiet.json)?,
        DevicesVerb::Revoke { device_id, quiet } => {
            revoke(&quiet.home, device_id)?;
            if quiet.json {
                output::json(&json!({ "revoked": device_id }));
            } else {
                output::line(&format!("{device_id} is revoked"));
            }
        }
    }
    Ok(())
}

/// A device is claimed over the API only: it registers with a server that runs.
fn claim(home: &HomeArguments, code: &str, org: &str) -> anyhow::Result<Value> {
    match holder(home)? {
        Holder::Process(note) => {
            let request = json!({ "claim_code": code, "org_id": org });
            Ok(server_client(&note)?.post("/v1/devices/claim", &request)?["data"].take())
        }
        Holder::Us(..) => Err(hinted(
            "no server runs on this data directory",
            "start it with `modelstat up` or `modelstat server`, and claim the device beside it",
        )),
    }
}

fn list(home: &HomeArguments, wants_json: bool) -> anyhow::Result<()> {
    let devices = match holder(home)? {
        Holder::Process(note) => server_client(&note)?.get("/v1/admin/devices")?,
        Holder::Us(home, _lock) => with_directory(&home, |directory, now| {
            Ok(serde_json::to_value(directory.devices(now)?)?)
        })?,
    };
    if wants_json {
        output::json(&devices);
        return Ok(());
    }
    let row = |device: &Value| {
        let said = &device["heartbeat"];
        let version = [&said["daemon_version"], &device["fingerprint"]["daemon_version"]];
        vec![
            text(&device["id"]),
            text(&device["state"]),
            text(&device["org_id"]),
            text(&device["claim_code"]),
            text(&device["last_seen_at"]),
            text(&said["status"]),
            version.into_iter().map(text).find(|version| version != NOTHING).unwrap_or_default(),
            said["queue_size"].as_u64().map_or_else(|| NOTHING.to_owned(), |size| size.to_string()),
        ]
    };
    let rows: Vec<_> = devices.as_array().into_iter().flatten().map(row).collect();
    let heads = ["ID", "STATE", "ORG", "CLAIM CODE", "LAST SEEN", "SAYS", "VERSION", "QUEUE"];
    output::table(&heads, &rows);
    Ok(())
}

fn revoke(home: &HomeArguments, device_id: &str) -> anyhow::Result<()> {
    match holder(home)? {
        Holder::Process(note) => {
            server_client(&note)?.delete(&format!("/v1/admin/devices/{device_id}")).map(drop)
        }
        Holder::Us(home, _lock) => with_directory(&home, |directory, now| {
            if directory.revoke_device(device_id, now)? {
                return Ok(());
            }
            Err(hinted("there is no such device in force", "see `modelstat devices list`"))
        }),
    }
}

/// What stands in a cell that has no value.
const NOTHING: &str = "–";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or(NOTHING).to_owned()
}
