//! `modelstat orgs create|list`

use anyhow::Context;
use modelstat_store::Org;
use serde_json::json;

use super::keys::with_directory;
use super::{Holder, holder, server_client};
use crate::args::{OrgsArguments, OrgsVerb};
use crate::output;

/// `modelstat orgs …`
pub(crate) fn run(arguments: &OrgsArguments) -> anyhow::Result<()> {
    match &arguments.verb {
        OrgsVerb::Create { name, quiet } => {
            let org = match holder(&quiet.home)? {
                Holder::Process(note) => {
                    server_client(&note)?.post("/v1/admin/orgs", &json!({ "name": name }))?
                }
                Holder::Us(home, _lock) => with_directory(&home, |directory, now| {
                    Ok(serde_json::to_value(directory.create_org(name, now)?)?)
                })?,
            };
            if quiet.json {
                output::json(&org);
            } else {
                output::line(org["id"].as_str().unwrap_or_default());
            }
        }
        OrgsVerb::List { quiet } => {
            let orgs: Vec<Org> = match holder(&quiet.home)? {
                Holder::Process(note) => {
                    let orgs = server_client(&note)?.get("/v1/admin/orgs")?;
                    serde_json::from_value(orgs).context("the answer is not a list of orgs")?
                }
                Holder::Us(home, _lock) => {
                    with_directory(&home, |directory, _| Ok(directory.orgs()?))?
                }
            };
            if quiet.json {
                output::json(&orgs);
                return Ok(());
            }
            let row =
                |org: &Org| vec![org.id.clone(), org.name.clone(), org.created_at.to_string()];
            output::table(&["ID", "NAME", "MADE"], &orgs.iter().map(row).collect::<Vec<_>>());
        }
    }
    Ok(())
}
