//! What expired is told to the server.

use std::io::Read;

use flate2::read::GzDecoder;
use modelstat_redact::RedactedText;
use modelstat_wire::egress::{EgressBatch, EgressPolicy, Excerpt};
use modelstat_wire::{IngestBatch, Pairs, ReportedOutcomes};

use super::body::{own_id, to_ship};
use super::segments::DAEMON_VERSION;
use crate::spool::{Expired, ToShip, decode_batch};

/// Reads app and device from a request's body; `None` when it is damaged.
pub(crate) fn app_and_device(body: &[u8]) -> Option<(String, String)> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).ok()?;
    let batch = decode_batch(&plain).ok()?;
    let app = batch.app.map_or(String::new(), |app| app.as_str().to_owned());
    Some((app, batch.device_id.as_str().to_owned()))
}

/// Makes a request that holds nothing but the count. It is cumulative, so a later one may overtake it.
pub(crate) fn report_of(expired: &Expired) -> ToShip {
    let count = expired.events.min(modelstat_wire::limits::MAX_COUNT);
    let names = [expired.instance_id.as_str(), expired.app.as_str(), "expired"];
    let batch_id = modelstat_wire::batch_id(names.into_iter().chain([count.to_string().as_str()]));
    let reason = RedactedText::from_static("expired");
    let batch = IngestBatch {
        batch_id: own_id(batch_id.clone()),
        device_id: expired.device_id.clone(),
        daemon_version: RedactedText::from_static(DAEMON_VERSION),
        app: Some(expired.app.clone()).filter(|app| !app.as_str().is_empty()),
        events: Vec::new(),
        segments: Vec::new(),
        tool_calls: Vec::new(),
        session_installs: Pairs::default(),
        session_titles: Pairs::default(),
        auto_taxonomy: None,
        summarizer_mode: None,
        tz: None,
        instance_id: Some(expired.instance_id.clone()),
        // What the producers handed over, they report themselves.
        outcomes: Some(ReportedOutcomes {
            recorded: 0,
            sent: 0,
            dropped: [(reason, count)].into_iter().collect(),
        }),
        sent_at: None,
    };
    // There is nothing to narrow.
    let policy = EgressPolicy { excerpt: Excerpt::None, hash_key: None };
    to_ship(expired.key, batch_id, 0, &EgressBatch::new(batch, &policy))
}
