//! Where user rules find something.
//!
//! Time is linear in the length of the text for any file of rules. One automaton looks for the literals of all
//! rules at once. A shape is compared where its literal stands, and where a run of its set ends is measured
//! once for all. A pattern is run in a window of at most three times [`REACH`] around a literal: what a search
//! without success covered is not covered again, and a search with success moves on behind what it hides, so
//! that each byte is in a bounded number of windows. Everything stays on its line.

use std::ops::Range;

use crate::bytes::{
    Charset, MAX_PLACEHOLDER, PLACEHOLDER_HEAD, byte_at, byte_before, count_work, end_of,
    ends_escape, is_left_boundary, placeholder_end, slice,
};
use crate::context::{Context, names_one_of};
use crate::engine::{Form, Span};
use crate::likeness::Likeness;
use crate::run::{MAX_RUN, MIN_RUN, reads_as_words};
use crate::tables::Shape;

use super::pattern::{Match, Pattern};
use super::{File, Target, UserRule, Way};

/// How far before and behind its literal a pattern sees.
pub(super) const REACH: usize = 1024;

/// Most matches in a row that overlap, of which parts are hidden; then all up to the end of one is, so that
/// a long match is not looked at once for each of its bytes.
const MAX_OVERLAPS: usize = 16;

/// How much of a body is looked at to tell words from a key.
const MAX_WORDS: usize = 64;

/// Fewest different letters and digits of a random value, and fewest digits of a hexadecimal one.
const MIN_DISTINCT: u32 = 8;
const MIN_HEX: u32 = 20;

/// Shortest part that a dot joins to a random value.
const MIN_PART: usize = 4;

/// One pass of the rules of a file over a text.
pub(super) struct Search<'r, 't> {
    file: &'r File,
    text: &'t [u8],
    spans: &'r mut Vec<Span>,
    /// For each rule how far it got; empty as long as no literal was seen.
    places: Vec<Place>,
    /// For each character set the last run measured, from where it was measured to its end.
    runs: [(usize, usize); Charset::COUNT],
    line: Line,
}

/// How far a rule got.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Where what it found last ends.
    done: usize,
    /// Up to where it found nothing else.
    searched: usize,
    /// Where the first of the matches that overlap ends, and how many began before that.
    overlapped: usize,
    overlaps: usize,
}

impl Place {
    /// Counts a match, and tells whether too many have begun before the end of one.
    fn is_worn_out(&mut self, found: Match) -> bool {
        if found.start >= self.overlapped || self.overlaps == MAX_OVERLAPS {
            let is_worn_out = found.start < self.overlapped;
            (self.overlapped, self.overlaps) = (found.end, 0);
            return is_worn_out;
        }
        self.overlaps += 1;
        false
    }
}

/// The line of the last literal.
#[derive(Clone, Default)]
struct Line {
    bounds: Range<usize>,
    /// Where the next one begins.
    next: usize,
}

impl Line {
    /// Moves on to the line of `at`, so that no part of the text is searched twice for line breaks.
    fn move_to(&mut self, text: &[u8], at: usize) -> Range<usize> {
        if at >= self.next {
            let before = slice(text, self.next, at);
            let start =
                self.next + memchr::memrchr(b'\n', before).map_or(0, |line_break| line_break + 1);
            let rest = slice(text, at, text.len());
            let mut end = at + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            count_work(end - self.next);
            self.next = end + 1;
            if end > start && byte_before(text, end) == Some(b'\r') {
                end -= 1;
            }
            self.bounds = start..end;
        }
        self.bounds.clone()
    }
}

impl<'r, 't> Search<'r, 't> {
    pub(super) fn new(file: &'r File, text: &'t [u8], spans: &'r mut Vec<Span>) -> Self {
        let runs = [(0, 0); Charset::COUNT];
        Self { file, text, spans, places: Vec::new(), runs, line: Line::default() }
    }

    /// Looks around each literal.
    pub(super) fn look_at_literals(&mut self) {
        let file = self.file;
        let Some(finder) = &file.finder else { return };
        for hit in finder.find_overlapping_iter(self.text) {
            if self.places.is_empty() {
                self.places.resize(file.rules.len(), Place::default());
            }
            let targets = file.targets.get(hit.pattern().as_usize());
            for target in targets.into_iter().flatten() {
                let Some(rule) = file.rules.get(target.rule) else { continue };
                match &rule.way {
                    Way::Shapes(shapes) => {
                        if let Some(shape) = shapes.get(target.shape) {
                            self.look_at_head(*target, rule, shape, hit.start());
                        }
                    }
                    Way::Pattern(pattern) => {
                        self.look_around(*target, rule, pattern, hit.start()..hit.end());
                    }
                    Way::Vendor { .. } => {}
                }
            }
        }
    }

    /// Looks at each run for what nothing but the words before it gives away.
    pub(super) fn look_at_runs(&mut self) {
        let text = self.text;
        let mut at = 0;
        while at < text.len() {
            let start = end_of(text, at, |byte| !Charset::RUN.has(byte));
            let end = end_of(text, start, |byte| Charset::RUN.has(byte));
            // The letter of an escape such as `\n` is no part of what follows.
            let begin = if ends_escape(text, start + 1) { start + 1 } else { start };
            if begin < end {
                self.look_at_run(begin, end);
            }
            at = end + 1;
        }
    }

    fn look_at_run(&mut self, start: usize, end: usize) {
        let file = self.file;
        for rule in &file.rules {
            match &rule.way {
                Way::Shapes(shapes) => {
                    for shape in shapes.iter().filter(|shape| shape.head.is_empty()) {
                        self.look_at_parts(rule, shape, start, end);
                    }
                }
                Way::Vendor { is_weak } => self.look_at_value(rule, *is_weak, start, end),
                Way::Pattern(_) => {}
            }
        }
    }

    /// Compares a shape without a head with each part of a run; it must fill the part.
    fn look_at_parts(&mut self, rule: &UserRule, shape: &Shape, start: usize, end: usize) {
        let mut part = start;
        while part < end {
            let part_end = end_of(slice(self.text, 0, end), part, |byte| Charset::TOKEN.has(byte));
            if let Some(shape_end) = self.end_of_shape(shape, part)
                && !byte_at(self.text, shape_end).is_some_and(|byte| Charset::ALNUM.has(byte))
                && is_said(rule, self.text, part)
            {
                self.note(rule, part..shape_end, |_| true);
                part = part.max(shape_end);
            }
            part = part.max(part_end) + 1;
        }
    }

    /// Hides a value that looks random where words of the vendor stand before it.
    fn look_at_value(&mut self, rule: &UserRule, is_weak: bool, start: usize, end: usize) {
        if !(MIN_RUN..=MAX_RUN).contains(&(end - start)) {
            return;
        }
        let likeness = Likeness::of(slice(self.text, start, end));
        let is_random = if likeness.is_hex() {
            likeness.length >= MIN_HEX && likeness.digits < likeness.length
        } else {
            likeness.is_random()
        };
        if !is_random || likeness.distinct < MIN_DISTINCT || !is_said(rule, self.text, start) {
            return;
        }
        let context = Context::of(self.text, start);
        if context.is_digest || (is_weak && !context.is_secret) {
            return;
        }
        let mut value_end = end;
        while let Some(b'.' | b'~') = byte_at(self.text, value_end) {
            let part_end = end_of(self.text, value_end + 1, |byte| Charset::RUN.has(byte));
            if part_end - value_end <= MIN_PART {
                break;
            }
            value_end = part_end;
        }
        value_end = end_of(self.text, value_end, |byte| byte == b'=');
        self.note(rule, start..value_end, |_| true);
    }

    /// Compares a shape with what begins at its head.
    fn look_at_head(&mut self, target: Target, rule: &UserRule, shape: &Shape, start: usize) {
        let is_done = self.places.get(target.rule).is_none_or(|place| start < place.done);
        if is_done || !(shape.is_free || is_left_boundary(self.text, start)) {
            return;
        }
        let Some(end) = self.end_of_shape(shape, start) else { return };
        let body = start + shape.head.len();
        let body = slice(self.text, body, end.min(body + MAX_WORDS));
        if (rule.refuses_words && reads_as_words(body)) || !is_said(rule, self.text, start) {
            return;
        }
        let done = self.note(rule, start..end, |_| true).max(start + 1);
        if let Some(place) = self.places.get_mut(target.rule) {
            place.done = done;
        }
    }

    fn end_of_shape(&mut self, shape: &Shape, start: usize) -> Option<usize> {
        let (text, runs) = (self.text, &mut self.runs);
        shape.end(text, start, |set, from| {
            let Some(run) = runs.get_mut(set.index()) else { return from };
            if from < run.0 || from >= run.1 {
                *run = (from, end_of(text, from, |byte| set.has(byte)));
            }
            run.1
        })
    }

    /// Runs a pattern around a literal.
    fn look_around(
        &mut self,
        target: Target,
        rule: &UserRule,
        pattern: &Pattern,
        literal: Range<usize>,
    ) {
        let line = self.line.move_to(self.text, literal.start);
        let Some(mut place) = self.places.get(target.rule).copied() else { return };
        let is_searched = literal.start + REACH <= place.searched || line.end <= place.searched;
        while literal.start >= place.done && !is_searched {
            let from = line.start.max(place.done).max(literal.start.saturating_sub(REACH));
            let to = line.end.min(literal.start + 2 * REACH);
            count_work(to - from);
            // What stands before the window is seen by `^` and `\b`.
            let window = slice(self.text, line.start, to);
            let Some(found) = pattern.find(window, from - line.start) else {
                place.searched = to;
                break;
            };
            let mut found = found.moved(line.start);
            if place.is_worn_out(found) {
                found.hide_end = found.end;
            }
            place.done = self.look_at_match(rule, pattern, found).max(found.start + 1);
        }
        if let Some(kept) = self.places.get_mut(target.rule) {
            *kept = place;
        }
    }

    /// Hides what a pattern found, and returns where it goes on.
    fn look_at_match(&mut self, rule: &UserRule, pattern: &Pattern, found: Match) -> usize {
        let mut start = found.hide_start;
        let hidden = slice(self.text, start, found.hide_end);
        let is_refused = hidden.is_empty()
            || (rule.refuses_words
                && reads_as_words(slice(hidden, 0, hidden.len().min(MAX_WORDS))))
            || !is_said(rule, self.text, start);
        if is_refused {
            return found.end;
        }
        // A pattern looks at bytes, so it may begin within a character.
        while start > 0 && byte_at(self.text, start).is_some_and(|byte| byte & 0xC0 == 0x80) {
            start -= 1;
        }
        let text = self.text;
        self.note(rule, start..found.hide_end, |cut| {
            pattern.has_literal(slice(text, found.start, cut))
        })
    }

    /// Hides a stretch up to the first placeholder in it, and returns where to go on.
    ///
    /// What is left of a stretch counts only if `may_cut` says so of its end. A pattern says so if its literal
    /// does not come behind the placeholder: there, each look would find the same literal again and hide more
    /// of what stands before it.
    fn note(
        &mut self,
        rule: &UserRule,
        stretch: Range<usize>,
        may_cut: impl Fn(usize) -> bool,
    ) -> usize {
        let text = self.text;
        if let Some(end) = end_of_placeholder_around(text, stretch.start) {
            return end;
        }
        let Range { start, mut end } = stretch;
        if self.file.allows(slice(text, start, end)) {
            return end;
        }
        if let Some((from, to)) = first_placeholder(text, start, end) {
            if !may_cut(from) {
                return to;
            }
            end = from;
        }
        if start < end {
            self.spans.push(Span { rule: rule.rule, start, end, form: Form::Plain });
        }
        end
    }
}

impl Match {
    fn moved(self, by: usize) -> Self {
        Self {
            start: self.start + by,
            end: self.end + by,
            hide_start: self.hide_start + by,
            hide_end: self.hide_end + by,
        }
    }
}

/// Whether a word of the rule's context stands before `at`, if it needs one.
fn is_said(rule: &UserRule, text: &[u8], at: usize) -> bool {
    rule.context.is_empty() || names_one_of(text, at, rule.context)
}

/// Where the placeholder ends that the byte at `at` belongs to, if it does.
fn end_of_placeholder_around(text: &[u8], at: usize) -> Option<usize> {
    let earliest = at.saturating_sub(MAX_PLACEHOLDER);
    let open = memchr::memrchr(b'[', slice(text, earliest, at + 1))?;
    placeholder_end(text, earliest + open).filter(|&end| end > at)
}

/// The first placeholder that begins between `start` and `end`.
fn first_placeholder(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    // The last one may begin here and end behind.
    let here = slice(text, start, text.len().min(end + MAX_PLACEHOLDER));
    let mut heads = memchr::memmem::find_iter(here, PLACEHOLDER_HEAD).map(|at| start + at);
    heads.by_ref().take_while(|&at| at < end).find_map(|at| Some((at, placeholder_end(text, at)?)))
}

#[cfg(test)]
mod tests {
    use crate::UserRules;
    use crate::bytes::WORK;

    const FILE: &str = r#"
        [[rule]]
        id = "shapes"
        type = "a"
        shape = ["abc[any:0+]", "bca[alnum:4-9]x"]

        [[rule]]
        id = "set"
        type = "a"
        shape = ["[digit:1-2]-[any:9+]"]
        context = ["staff"]

        [[rule]]
        id = "prefix"
        type = "a"
        regex = 'acme.*falcon'

        [[rule]]
        id = "suffix"
        type = "a"
        regex = '(?P<secret>[a-z])[^\n]*acme'

        [[vendor]]
        type = "a_key"
        words = ["acme"]
    "#;

    fn work(text: &str) -> usize {
        let rules = UserRules::parse(FILE).expect("the rules are fine");
        WORK.set(0);
        rules.find(text.as_bytes(), &mut Vec::new());
        WORK.get()
    }

    #[test]
    fn work_grows_with_the_length_only() {
        for unit in [
            "acme",
            "abc",
            "bca1",
            "1-1-",
            "1/1-/",
            "acme falcon ",
            "x acme\n",
            "[acme",
            "acme[REDACTED:a]",
        ] {
            let (short, long) = (work(&unit.repeat(2_000)), work(&unit.repeat(6_000)));
            assert!(long <= 4 * short + 100_000, "{unit}: {short} became {long}");
        }
    }
}
