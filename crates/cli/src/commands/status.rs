//! `modelstat status`

use serde_json::{Value, json};

use super::{daemon_client, running_process, server_client};
use crate::args::QuietArguments;
use crate::output;

/// `modelstat status`
pub(crate) fn run(arguments: &QuietArguments) -> anyhow::Result<()> {
    let note = running_process(&arguments.home)?;
    let daemon = match note.daemon_url {
        Some(_) => daemon_client(&note)?.get("/v1/status")?,
        None => Value::Null,
    };
    let server = match note.server_url {
        Some(_) => server_client(&note)?.get("/v1/admin/status")?,
        None => Value::Null,
    };
    let status = json!({ "pid": note.pid, "daemon": daemon, "server": server });
    if arguments.json {
        output::json(&status);
        return Ok(());
    }
    let mut rows = Vec::new();
    flatten(&status, String::new(), &mut rows);
    output::table(&["WHAT", "VALUE"], &rows);
    Ok(())
}

/// Turns nested values into one row each, named by their place.
fn flatten(value: &Value, name: String, rows: &mut Vec<Vec<String>>) {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(value, inner(key), rows);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(item, inner(&(index + 1).to_string()), rows);
            }
        }
        Value::String(text) => rows.push(vec![name, text.clone()]),
        other => rows.push(vec![name, other.to_string()]),
    }
}
