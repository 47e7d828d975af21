//! What becomes of a span that has ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use modelstat::Client;

use crate::captured::Captured;
use crate::once::{Source, record_once};
use crate::reading::{Facts, Reading, read};
use crate::tools::{SpanKey, Waiting};

/// What a program says about the spans that it has recorded.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether prompts and answers are taken where a span has them; the SDK redacts them.
    pub has_content: bool,
    /// The session of calls whose span names none.
    pub session: Option<String>,
    /// Tags of every call; those of a span win.
    pub metadata: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { has_content: true, session: None, metadata: BTreeMap::new() }
    }
}

/// Records calls of spans.
#[derive(Debug)]
pub struct Recording {
    client: Client,
    source: Source,
    /// What the program says.
    pub options: Options,
    waiting: Mutex<Waiting>,
    /// How many tools wait, so that a span of anything else takes no lock.
    waiting_count: AtomicUsize,
}

impl Recording {
    /// Starts with the usual options.
    #[must_use]
    pub fn new(client: Client, source: Source) -> Self {
        Self {
            client,
            source,
            options: Options::default(),
            waiting: Mutex::default(),
            waiting_count: AtomicUsize::new(0),
        }
    }

    /// The client that calls are recorded through.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Records a span that has ended if it is a call of a model. One that is a tool waits for its
    /// call, at `home`: the span around it. Of anything else nothing is kept.
    pub fn close(
        &self,
        captured: &Captured<'_>,
        facts: &Facts<'_>,
        own: SpanKey,
        home: Option<SpanKey>,
    ) {
        match read(captured, facts, &self.options) {
            Some(Reading::Call(mut call)) => {
                call.tool_calls = match home {
                    Some(home) => self.take_tools(&[own, home]),
                    None => self.take_tools(&[own]),
                };
                record_once(&self.client, self.source, *call);
            }
            Some(Reading::Tool(tool)) => {
                if let Some(home) = home {
                    self.with_waiting(|waiting| waiting.put(home, *tool));
                }
            }
            None => self.forget(own),
        }
    }

    /// Forgets the tools that waited at a span without a call.
    pub fn forget(&self, own: SpanKey) {
        drop(self.take_tools(&[own]));
    }

    fn take_tools(&self, homes: &[SpanKey]) -> Vec<modelstat::ToolCallInput> {
        // Relaxed is enough: a tool that ended before its call did so in the same program order.
        if self.waiting_count.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        self.with_waiting(|waiting| waiting.take(homes))
    }

    fn with_waiting<R>(&self, work: impl FnOnce(&mut Waiting) -> R) -> R {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut waiting);
        self.waiting_count.store(waiting.len(), Ordering::Relaxed);
        result
    }
}
