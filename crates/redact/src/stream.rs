//! A text that comes in pieces.

use crate::cut;
use crate::engine::Replaced;
use crate::floor::{Floor, MAX_LINE};
use crate::pem;
use crate::{Finding, engine};

/// How much is gathered before any of it is looked at: fewer, larger looks cost less.
const MIN_LOOK: usize = 32 * 1024;

/// Redacts a text that comes in pieces of any size, with the result of the whole.
///
/// It keeps back what the text to come may still change: the last line, and a private key whose end is not
/// there yet. A line longer than 16 MiB drops the whole text, as it does in [`crate::redact`]: from there on
/// nothing is given out but one placeholder of `redaction_failed`.
///
/// Detectors see a text in pieces too, and may find less there than in the whole.
///
/// ```
/// let mut redactor = modelstat_redact::Floor::built_in().redactor();
/// let mut output = Vec::new();
/// redactor.push(b"ask jane@exa", &mut output);
/// redactor.push(b"mple.com", &mut output);
/// let findings = redactor.finish(&mut output);
/// assert_eq!(output, b"ask [REDACTED:email]");
/// assert_eq!((findings[0].start, findings[0].end), (4, 20));
/// ```
#[derive(Debug)]
pub struct Redactor<'f> {
    floor: &'f Floor,
    pending: Vec<u8>,
    /// How many bytes before the pending ones were looked at.
    done: usize,
    /// Where in the pending bytes the search for a cut goes on.
    searched: usize,
    findings: Vec<Finding>,
    is_refused: bool,
}

impl<'f> Redactor<'f> {
    pub(crate) fn new(floor: &'f Floor) -> Self {
        let pending = Vec::new();
        Self { floor, pending, done: 0, searched: 0, findings: Vec::new(), is_refused: false }
    }

    /// Takes the next piece, and appends to `output` what no later piece can change.
    pub fn push(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        if self.is_refused {
            self.done += piece.len();
            return;
        }
        self.pending.extend_from_slice(piece);
        // What was searched in vain is searched again only once it has doubled.
        if self.pending.len() >= 2 * self.searched.max(MIN_LOOK) || self.pending.len() > MAX_LINE {
            self.settle(output);
        }
        if self.pending.len() > MAX_LINE {
            self.refuse(output);
        }
    }

    /// Appends to `output` at once what no later piece can change, for somebody who waits for it.
    ///
    /// Without this, a few lines are gathered before they are looked at.
    pub fn settle(&mut self, output: &mut Vec<u8>) {
        let cut = self.last_cut();
        self.look(cut, output);
        self.searched = self.pending.len();
    }

    /// Takes what was found so far, so that it need not be kept to the end.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// Ends the text: appends the rest to `output`, and returns what was found and not yet taken.
    #[must_use = "findings must be counted"]
    pub fn finish(mut self, output: &mut Vec<u8>) -> Vec<Finding> {
        if !self.is_refused {
            self.look(self.pending.len(), output);
        }
        self.findings
    }

    /// The last place of the pending bytes up to which no later piece changes anything.
    fn last_cut(&self) -> usize {
        // A line that was just ended may go on, which the cut before it knows.
        let mut cut = cut::before(&self.pending, self.pending.len().saturating_sub(1));
        while let Some(start) = pem::key_across(&self.pending, cut) {
            cut = cut::before(&self.pending, start);
        }
        cut
    }

    fn look(&mut self, cut: usize, output: &mut Vec<u8>) {
        let rest = self.pending.split_off(cut.min(self.pending.len()));
        let looked_at = std::mem::replace(&mut self.pending, rest);
        if looked_at.is_empty() {
            return;
        }
        let Replaced { bytes, findings } = self.floor.replace(&looked_at);
        output.extend_from_slice(bytes.as_deref().unwrap_or(&looked_at));
        self.findings.extend(findings.into_iter().map(|found| Finding {
            start: found.start + self.done,
            end: found.end + self.done,
            ..found
        }));
        self.done += looked_at.len();
    }

    fn refuse(&mut self, output: &mut Vec<u8>) {
        let Replaced { bytes, findings } = engine::refused(self.pending.len());
        output.extend_from_slice(bytes.as_deref().unwrap_or_default());
        self.findings.extend(findings.into_iter().map(|found| Finding {
            start: found.start + self.done,
            end: found.end + self.done,
            ..found
        }));
        self.done += self.pending.len();
        self.pending = Vec::new();
        self.is_refused = true;
    }
}
