//! Tools that ran and wait for the call that they belong to.

use std::collections::VecDeque;

use modelstat::ToolCallInput;

/// Most tools that wait at once; the oldest is forgotten first.
const MAX_WAITING: usize = 1_024;

/// Most tools of one call.
const MAX_OF_CALL: usize = 256;

/// A span, as the one that reports it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanKey {
    /// The trace, where spans of several are told apart by it.
    pub trace: u128,
    /// The span.
    pub span: u64,
}

/// Tools by the span that they ran in.
///
/// A tool that ran within a call's span is the call's. One that ran beside calls goes with the next
/// call of the same parent: the earlier one has been recorded, and the next one's input is its result.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    tools: VecDeque<(SpanKey, ToolCallInput)>,
}

impl Waiting {
    pub(crate) fn put(&mut self, home: SpanKey, tool: ToolCallInput) {
        if self.tools.len() == MAX_WAITING {
            self.tools.pop_front();
        }
        self.tools.push_back((home, tool));
    }

    /// Takes the tools that ran in any of the spans.
    pub(crate) fn take(&mut self, homes: &[SpanKey]) -> Vec<ToolCallInput> {
        if self.tools.is_empty() {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for (home, tool) in std::mem::take(&mut self.tools) {
            if !homes.contains(&home) {
                self.tools.push_back((home, tool));
            } else if taken.len() < MAX_OF_CALL {
                taken.push(tool);
            }
        }
        taken
    }

    pub(crate) fn len(&self) -> usize {
        self.tools.len()
    }
}

#[cfg(test)]
mod tests {
    use modelstat::ToolCallStatus;

    use super::*;

    fn key(span: u64) -> SpanKey {
        SpanKey { trace: 1, span }
    }

    #[test]
    fn a_call_takes_the_tools_of_its_spans_only() {
        let mut waiting = Waiting::default();
        for (span, name) in [(1, "search"), (2, "read"), (3, "write"), (1, "open")] {
            waiting.put(key(span), ToolCallInput::new(name, ToolCallStatus::Success));
        }
        let taken: Vec<String> =
            waiting.take(&[key(1), key(3)]).into_iter().map(|tool| tool.name).collect();
        assert_eq!(taken, ["search", "write", "open"]);
        assert_eq!(waiting.len(), 1);
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut waiting = Waiting::default();
        for span in 0..=MAX_WAITING as u64 {
            waiting.put(key(span), ToolCallInput::new("search", ToolCallStatus::Success));
        }
        assert_eq!(waiting.len(), MAX_WAITING);
        assert!(waiting.take(&[key(0)]).is_empty());
    }
}
