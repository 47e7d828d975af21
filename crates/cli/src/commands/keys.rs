//! `modelstat keys create|list|revoke`

use anyhow::Context;
use modelstat_store::{Directory, EmbeddedStores, Key, NewKey, Scope};
use modelstat_wire::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::{Holder, holder, server_client};
use crate::args::{HomeArguments, KeysArguments, KeysVerb, ScopeWord};
use crate::error::hinted;
use crate::home::Home;
use crate::output;

/// `modelstat keys …`
pub(crate) fn run(arguments: &KeysArguments) -> anyhow::Result<()> {
    match &arguments.verb {
        KeysVerb::Create { org, scope, label, days, quiet } => {
            let scope = scope_of(*scope);
            let expires_at = days.map(days_from_now);
            let created = create(&quiet.home, org, scope, label, expires_at)?;
            if quiet.json {
                output::json(&created);
                return Ok(());
            }
            output::line(text(&created, "secret"));
            let (id, scope) = (text(&created, "id"), text(&created, "scope"));
            output::note(&format!("{id}, scope {scope}, of org {org}; shown this once"));
            Ok(())
        }
        KeysVerb::List { quiet } => list(&quiet.home, quiet.json),
        KeysVerb::Revoke { key_id, quiet } => {
            revoke(&quiet.home, key_id)?;
            if quiet.json {
                output::json(&json!({ "revoked": key_id }));
            } else {
                output::line(&format!("{key_id} is revoked"));
            }
            Ok(())
        }
    }
}

fn create(
    home: &HomeArguments,
    org: &str,
    scope: Scope,
    label: &str,
    expires_at: Option<Timestamp>,
) -> anyhow::Result<Value> {
    let request = json!({ "org": org, "scope": scope, "label": label, "expires_at": expires_at });
    match holder(home)? {
        Holder::Process(note) => server_client(&note)?.post("/v1/admin/keys", &request),
        Holder::Us(home, _lock) => with_directory(&home, |directory, now| {
            let orgs = directory.orgs()?;
            let org = orgs.iter().find(|known| known.name == org || known.id == org);
            let org = org.ok_or_else(|| {
                hinted("there is no such org", "see `modelstat orgs list`, `modelstat orgs create`")
            })?;
            let new = NewKey { org_id: org.id.clone(), scope, label: label.to_owned(), expires_at };
            let created = directory.create_key(new, now)?;
            let mut shown = serde_json::to_value(&created.key)?;
            shown["secret"] = json!(created.secret);
            Ok(shown)
        }),
    }
}

fn list(home: &HomeArguments, wants_json: bool) -> anyhow::Result<()> {
    let keys: Vec<Key> = match holder(home)? {
        Holder::Process(note) => {
            let keys = server_client(&note)?.get("/v1/admin/keys")?;
            serde_json::from_value(keys).context("the server's answer is not a list of keys")?
        }
        Holder::Us(home, _lock) => with_directory(&home, |directory, _| Ok(directory.keys()?))?,
    };
    if wants_json {
        output::json(&keys);
        return Ok(());
    }
    let row = |key: &Key| {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("until {at}"),
            (None, None) => "in force".to_owned(),
        };
        let scope = key.scope.as_str().to_owned();
        vec![
            key.id.clone(),
            scope,
            key.secret_prefix.clone() + "…",
            state,
            key.org_id.clone(),
            key.label.clone(),
        ]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    output::table(&["ID", "SCOPE", "BEGINS", "STATE", "ORG", "LABEL"], &rows);
    Ok(())
}

fn revoke(home: &HomeArguments, key_id: &str) -> anyhow::Result<()> {
    match holder(home)? {
        Holder::Process(note) => {
            server_client(&note)?.delete(&format!("/v1/admin/keys/{key_id}")).map(drop)
        }
        Holder::Us(home, _lock) => with_directory(&home, |directory, now| {
            if directory.revoke_key(key_id, now)? {
                return Ok(());
            }
            Err(hinted("there is no such key in force", "see `modelstat keys list`"))
        }),
    }
}

/// Opens the directory while we hold the lock.
pub(crate) fn with_directory<T>(
    home: &Home,
    work: impl FnOnce(&dyn Directory, Timestamp) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let now = SystemClock.now();
    let stores =
        EmbeddedStores::open(&home.server_folder(), now).context("could not open the stores")?;
    work(&*stores.directory, now)
}

fn scope_of(word: ScopeWord) -> Scope {
    match word {
        ScopeWord::Ingest => Scope::Ingest,
        ScopeWord::Read => Scope::Read,
        ScopeWord::Admin => Scope::Admin,
    }
}

fn days_from_now(days: u32) -> Timestamp {
    Timestamp::from_micros(SystemClock.now().as_micros() + i64::from(days) * 86_400_000_000)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
