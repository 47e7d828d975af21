//! The floor over names: whatever is sent besides the text.

use std::collections::{BTreeMap, HashSet};

use modelstat_redact::RawText;
use modelstat_wire::{BatchFloor, IdentifierKey};

use crate::wire::{GitContext, IngestBatch, RawEvent, ToolCallWire};

/// Names known to be clean; forgotten all at once when there are more.
const KNOWN_NAMES: usize = 4_096;

/// Hides what the floor finds in names.
///
/// A name with a finding becomes a hash under a key of this ingest key's, the same in every process
/// that uses it, so that grouping survives.
pub(crate) struct Names {
    floor: BatchFloor,
    clean: HashSet<String>,
}

impl Names {
    pub(crate) fn new(ingest_key: &str) -> Self {
        let secret = blake3::derive_key("modelstat sdk names v1", ingest_key.as_bytes());
        Self { floor: BatchFloor::new(IdentifierKey::new(secret)), clean: HashSet::new() }
    }

    /// Hides what is found in the names of a batch, and in its working directories.
    pub(crate) fn hide(&mut self, batch: &mut IngestBatch) {
        self.name(&mut batch.device_id);
        self.name(&mut batch.daemon_version);
        self.optional(&mut batch.app);
        for event in &mut batch.events {
            self.event(event);
        }
        for call in &mut batch.tool_calls {
            self.tool_call(call);
        }
        let installs = std::mem::take(&mut batch.session_installs);
        for (mut session, mut install) in installs {
            self.name(&mut session);
            self.name(&mut install.provider_account_id);
            self.name(&mut install.provider);
            batch.session_installs.insert(session, install);
        }
    }

    fn event(&mut self, event: &mut RawEvent) {
        self.name(&mut event.agent);
        self.name(&mut event.provider);
        self.name(&mut event.session_id);
        self.optional(&mut event.model);
        self.optional(&mut event.finish_reason);
        self.optional(&mut event.response_id);
        self.optional(&mut event.billing);
        if let Some(cwd) = &mut event.cwd {
            *cwd = modelstat_redact::redact(cwd).text.into_owned();
        }
        if let Some(GitContext { remote_slug, host, branch, slug_source }) = &mut event.git {
            for name in [remote_slug, host, branch, slug_source] {
                self.optional(name);
            }
        }
        if let Some(error) = &mut event.error {
            self.name(&mut error.kind);
        }
        if let Some(detail) = &mut event.usage_detail {
            self.optional(&mut detail.service_tier);
            self.optional(&mut detail.speed);
        }
        if let Some(metadata) = &mut event.metadata {
            self.tags(metadata);
        }
    }

    fn tool_call(&mut self, call: &mut ToolCallWire) {
        for name in [&mut call.session_id, &mut call.agent, &mut call.server, &mut call.name] {
            self.name(name);
        }
        self.optional(&mut call.model);
        for family in &mut call.command_families {
            self.name(family);
        }
    }

    fn tags(&mut self, tags: &mut BTreeMap<String, String>) {
        for (mut key, mut value) in std::mem::take(tags) {
            self.name(&mut key);
            self.name(&mut value);
            tags.insert(key, value);
        }
    }

    fn optional(&mut self, name: &mut Option<String>) {
        if let Some(name) = name {
            self.name(name);
        }
    }

    fn name(&mut self, name: &mut String) {
        if name.is_empty() || self.clean.contains(name.as_str()) {
            return;
        }
        let redacted = self.floor.redact_identifier(RawText::from(name.as_str()));
        if redacted.as_str() != name {
            redacted.as_str().clone_into(name);
            return;
        }
        if self.clean.len() == KNOWN_NAMES {
            self.clean.clear();
        }
        self.clean.insert(name.clone());
    }
}
