//! `modelstat demo rm`

use modelstat_server::DEMO_ORG;
use serde_json::json;

use super::{Holder, holder, server_client};
use crate::args::{DemoArguments, DemoVerb};
use crate::error::hinted;
use crate::output;

/// `modelstat demo rm`
pub(crate) fn run(arguments: &DemoArguments) -> anyhow::Result<()> {
    let DemoVerb::Rm { quiet } = &arguments.verb;
    match holder(&quiet.home)? {
        Holder::Process(note) => {
            server_client(&note)?.delete(&format!("/v1/admin/orgs/{DEMO_ORG}"))?;
        }
        Holder::Us(..) => {
            return Err(hinted(
                "sample data is removed by the process that serves it",
                "start `modelstat up`, then run `modelstat demo rm` beside it",
            ));
        }
    }
    if quiet.json {
        output::json(&json!({ "removed": DEMO_ORG }));
    } else {
        output::line("the sample data is gone");
    }
    Ok(())
}
