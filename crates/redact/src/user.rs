//! Rules of a host's own: the file `redact.toml`.
//!
//! They can only add. What the built-in rules find never comes by here, and the list of allowed texts is asked
//! for findings of the same file alone. How the file is written: `docs/redact-toml.md`.

mod error;
mod form;
mod pattern;
mod seek;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use crate::engine::Span;
use crate::rule::{Class, Definition, REDACTION_FAILED, Rule, Tier};
use crate::schema::{ClassText, EdgeText, RuleFile, RuleText, VendorText, WordsText, is_name};
use crate::tables::Shape;

pub use error::UserRulesError;
use pattern::Pattern;
use seek::Search;

/// Longest file that is read.
const MAX_FILE: usize = 256 * 1024;

/// Most rules and vendors: each may look at every line.
const MAX_RULES: usize = 256;

/// Most allowed texts.
const MAX_ALLOWED: usize = 4_096;

/// Most shapes of one rule, and most words of one context or vendor.
const MAX_SHAPES: usize = 32;
const MAX_WORDS: usize = 64;

/// Longest `id` and longest word.
const MAX_ID: usize = 64;
const MAX_WORD: usize = 32;

/// Shortest literal that gives a rule away; shorter ones are in every text.
const MIN_LITERAL: usize = 3;

/// How many made-up credentials a shape is tried with.
const SPECIMENS: u64 = 4;

/// The rules of a `redact.toml`, to be added to a floor by [`crate::Floor::with_rules`].
///
/// What is read lives as long as the process, so read a file once.
///
/// ```
/// let rules = modelstat_redact::UserRules::parse(
///     "[[rule]]\nid = \"badge\"\ntype = \"badge\"\nshape = [\"ACME-[digit:6]\"]",
/// )?;
/// let floor = modelstat_redact::Floor::built_in().clone().with_rules(&rules);
/// assert_eq!(floor.redact("badge ACME-004711").text, "badge [REDACTED:badge]");
/// # Ok::<(), modelstat_redact::UserRulesError>(())
/// ```
#[derive(Clone)]
pub struct UserRules(Arc<File>);

/// What a file holds.
#[derive(Default)]
struct File {
    rules: Vec<UserRule>,
    /// Finds the literals of shapes and patterns; none if no rule has any.
    finder: Option<AhoCorasick>,
    /// For each literal, what to try where it stands.
    targets: Vec<Vec<Target>>,
    /// Whether a rule is known by the words before a value alone.
    reads_runs: bool,
    allowed: BTreeSet<Vec<u8>>,
}

/// A rule that may be run.
struct UserRule {
    rule: Rule,
    way: Way,
    refuses_words: bool,
    /// Words of which one must stand before what it finds; none are needed if there are none.
    context: &'static [&'static str],
}

/// How a rule finds.
enum Way {
    Shapes(Vec<Shape>),
    Pattern(Pattern),
    /// By the words before a value that looks random.
    Vendor {
        is_weak: bool,
    },
}

/// What to try where a literal stands: a rule and, if it has shapes, which.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Target {
    rule: usize,
    shape: usize,
}

impl UserRules {
    /// Reads the text of a `redact.toml`.
    ///
    /// # Errors
    /// Fails if anything in the file is not allowed, or if an example of a rule is not found or a counter is.
    pub fn parse(text: &str) -> Result<Self, UserRulesError> {
        if text.len() > MAX_FILE {
            return Err(UserRulesError::TooLong { bytes: text.len(), limit_bytes: MAX_FILE });
        }
        let written: RuleFile = toml::from_str(text).map_err(|error| syntax_error(text, &error))?;
        check_file(&written)?;
        let mut read = File::default();
        for text in &written.rule {
            read.rules.push(read_rule(text)?);
        }
        for text in &written.vendor {
            read.rules.push(read_vendor(text)?);
        }
        check_names(&read.rules)?;
        read.build_finder()?;
        for (at, text) in written.rule.iter().enumerate() {
            read.check_specimens(at, text)?;
        }
        read.allowed = written.allow.into_iter().map(String::into_bytes).collect();
        Ok(Self(Arc::new(read)))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.0.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty()
    }

    /// The `id` of each rule, in the order of the file; that of a vendor is `vendor-` and its type.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.rules.iter().map(|rule| rule.rule.id())
    }

    /// Adds what the rules find in the text.
    pub(crate) fn find(&self, text: &[u8], spans: &mut Vec<Span>) {
        self.0.find(text, spans);
    }
}

impl fmt::Debug for UserRules {
    /// Prints the ids: a pattern or an allowed text may tell what must not be told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserRules")?;
        f.debug_list().entries(self.ids()).finish()
    }
}

impl File {
    fn find(&self, text: &[u8], spans: &mut Vec<Span>) {
        let mut search = Search::new(self, text, spans);
        search.look_at_literals();
        if self.reads_runs {
            search.look_at_runs();
        }
    }

    fn allows(&self, text: &[u8]) -> bool {
        self.allowed.contains(text)
    }

    fn build_finder(&mut self) -> Result<(), UserRulesError> {
        let mut by_literal: BTreeMap<&[u8], Vec<Target>> = BTreeMap::new();
        for (rule, found) in self.rules.iter().enumerate() {
            match &found.way {
                Way::Shapes(shapes) => {
                    for (shape, found) in shapes.iter().enumerate() {
                        if found.head.is_empty() {
                            self.reads_runs = true;
                        } else {
                            by_literal.entry(found.head).or_default().push(Target { rule, shape });
                        }
                    }
                }
                Way::Pattern(pattern) => {
                    for literal in &pattern.literals {
                        by_literal.entry(literal).or_default().push(Target { rule, shape: 0 });
                    }
                }
                Way::Vendor { .. } => self.reads_runs = true,
            }
        }
        if !by_literal.is_empty() {
            let finder = AhoCorasick::new(by_literal.keys()).map_err(|_| UserRulesError::File {
                field: "rule",
                reason: "the rules begin with too much text: shorten or drop some".to_owned(),
            })?;
            self.finder = Some(finder);
        }
        self.targets = by_literal.into_values().collect();
        Ok(())
    }

    /// Tries the examples of a rule, its counters, and a credential of each of its shapes.
    fn check_specimens(&self, at: usize, text: &RuleText) -> Result<(), UserRulesError> {
        let Some(UserRule { rule, way, context, .. }) = self.rules.get(at) else { return Ok(()) };
        let finds = |text: &str| {
            let mut spans = Vec::new();
            self.find(text.as_bytes(), &mut spans);
            spans.iter().any(|span| span.rule == *rule)
        };
        let said = |value: &str| match context.first() {
            Some(word) => format!("{word} {value}"),
            None => value.to_owned(),
        };
        let shapes = if let Way::Shapes(shapes) = way { shapes.as_slice() } else { &[] };
        for (shape, written) in shapes.iter().zip(&text.shape) {
            let mut specimens = (0..SPECIMENS).map(|seed| form::specimen(shape, seed));
            if !specimens.any(|specimen| finds(&said(&specimen))) {
                let reason = format!(
                    "`{written}` finds nothing of its own form: a set takes all that it can, so what \
                     follows must not be in it, unless its length is exact{}",
                    if text.words == WordsText::Refuse {
                        "; or `words` refuses such a body"
                    } else {
                        ""
                    }
                );
                return Err(refused(&text.id, "shape", reason));
            }
        }
        for example in &text.examples {
            let filled =
                shapes.iter().map(|shape| example.replace("{}", &form::specimen(shape, 0)));
            let mut texts = filled.chain(shapes.is_empty().then(|| example.clone()));
            if !texts.all(|text| finds(&text)) {
                return Err(refused(
                    &text.id,
                    "examples",
                    format!("the rule does not find `{example}`"),
                ));
            }
        }
        match text.counter.iter().find(|counter| finds(counter)) {
            Some(counter) => Err(refused(
                &text.id,
                "counter",
                format!("the rule finds something in `{counter}`"),
            )),
            None => Ok(()),
        }
    }
}

fn syntax_error(text: &str, error: &toml::de::Error) -> UserRulesError {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| before.matches('\n').count() + 1);
    UserRulesError::Syntax { line, message: error.message().trim().to_owned() }
}

fn refused(id: &str, field: &'static str, reason: impl Into<String>) -> UserRulesError {
    UserRulesError::Rule { id: id.to_owned(), field, reason: reason.into() }
}

/// What is read lives as long as the process, as the built-in rules do.
fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn check_file(file: &RuleFile) -> Result<(), UserRulesError> {
    let of_file = |field, reason: String| Err(UserRulesError::File { field, reason });
    let count = file.rule.len() + file.vendor.len();
    if count > MAX_RULES {
        return of_file(
            "rule",
            format!("there are {count}, and at most {MAX_RULES} are read: join rules of one type"),
        );
    }
    if file.allow.len() > MAX_ALLOWED {
        return of_file(
            "allow",
            format!(
                "there are {}, and at most {MAX_ALLOWED} are read: narrow the rules",
                file.allow.len()
            ),
        );
    }
    if file.allow.iter().any(String::is_empty) {
        return of_file("allow", "an empty text allows nothing: take it out".to_owned());
    }
    let words = [("secret", &file.secret), ("digest", &file.digest)];
    for (field, words) in words {
        if !words.anywhere.is_empty() || !words.alone.is_empty() {
            return of_file(
                field,
                "is for the built-in rules only: use `context` or a `[[vendor]]`".to_owned(),
            );
        }
    }
    Ok(())
}

/// Refuses ids that occur twice, and types that would make a placeholder lie.
fn check_names(rules: &[UserRule]) -> Result<(), UserRulesError> {
    let mut ids = BTreeSet::new();
    let mut classes = BTreeMap::new();
    for UserRule { rule, .. } in rules {
        let (id, name, class) = (rule.id(), rule.name(), rule.class());
        if !ids.insert(id) {
            return Err(refused(id, "id", "is there twice: rename one"));
        }
        if !is_name(name) {
            return Err(refused(
                id,
                "type",
                format!(
                    "`{name}` is no name of a placeholder: at most 39 of `a-z0-9_`, a letter first, at most two digits"
                ),
            ));
        }
        if name == REDACTION_FAILED.name() {
            return Err(refused(
                id,
                "type",
                format!("`{name}` stands for a text that was dropped: choose another name"),
            ));
        }
        let known = Rule::from_name(name).map(Rule::class);
        let class_before = known.unwrap_or_else(|| *classes.entry(name).or_insert(class));
        if class_before != class {
            let whose = if known.is_some() { "a built-in rule" } else { "another rule" };
            return Err(refused(
                id,
                "type",
                format!(
                    "{whose} has `{name}` for the other class: choose another name or set `class`"
                ),
            ));
        }
    }
    Ok(())
}

fn read_rule(text: &RuleText) -> Result<UserRule, UserRulesError> {
    let refuse = |field, reason: String| refused(&text.id, field, reason);
    let in_id = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if text.id.is_empty() || text.id.len() > MAX_ID || !text.id.bytes().all(in_id) {
        return Err(refuse("id", format!("is no id: 1 to {MAX_ID} of `a-z0-9-`")));
    }
    if text.checksum.is_some() {
        return Err(refuse("checksum", "is for built-in rules only: take it out".to_owned()));
    }
    let context = read_words(&text.context).map_err(|reason| refuse("context", reason))?;
    let class = match text.class {
        ClassText::Secret => Class::Secret,
        ClassText::Pii => Class::Pii,
    };
    let rule = made(&text.id, &text.name, class);
    let way = match (&text.regex, text.shape.as_slice()) {
        (Some(_), [_, ..]) => {
            return Err(refuse(
                "regex",
                "a rule has shapes or a regex: make it two rules of one type".to_owned(),
            ));
        }
        (None, []) => {
            return Err(refuse("shape", "a rule needs a `shape` or a `regex`".to_owned()));
        }
        (Some(_), []) if text.edge == EdgeText::Free => {
            return Err(refuse(
                "edge",
                "a regex says itself what stands before it: take `edge` out".to_owned(),
            ));
        }
        (Some(regex), []) => {
            Way::Pattern(Pattern::read(regex).map_err(|reason| refuse("regex", reason))?)
        }
        (None, shapes) if shapes.len() > MAX_SHAPES => {
            return Err(refuse(
                "shape",
                format!("at most {MAX_SHAPES}: make it two rules of one type"),
            ));
        }
        (None, shapes) => {
            let shapes = shapes.iter().map(|shape| form::read(shape, rule, text, context));
            Way::Shapes(shapes.collect::<Result<_, _>>().map_err(|reason| refuse("shape", reason))?)
        }
    };
    Ok(UserRule { rule, way, refuses_words: text.words == WordsText::Refuse, context })
}

fn read_vendor(text: &VendorText) -> Result<UserRule, UserRulesError> {
    let rule = made(&format!("vendor-{}", text.name.replace('_', "-")), &text.name, Class::Secret);
    let words = read_words(&text.words).map_err(|reason| refused(rule.id(), "words", reason))?;
    if words.is_empty() {
        return Err(refused(rule.id(), "words", "a vendor needs a word that speaks of it"));
    }
    Ok(UserRule {
        rule,
        way: Way::Vendor { is_weak: text.weak },
        refuses_words: false,
        context: words,
    })
}

fn made(id: &str, name: &str, class: Class) -> Rule {
    let definition = Definition { id: leaked(id), name: leaked(name), class, tier: Tier::Local };
    Rule(Box::leak(Box::new(definition)))
}

fn read_words(words: &[String]) -> Result<&'static [&'static str], String> {
    if words.len() > MAX_WORDS {
        return Err(format!("at most {MAX_WORDS} words"));
    }
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    for word in words {
        if !(MIN_LITERAL..=MAX_WORD).contains(&word.len()) || !word.bytes().all(is_letter) {
            return Err(format!(
                "`{word}` is no word to look for: {MIN_LITERAL} to {MAX_WORD} of `a-z0-9`, without the \
                 `_`, `-`, `.` or spaces that the text may have in it"
            ));
        }
    }
    let words: Vec<&'static str> = words.iter().map(|word| leaked(word)).collect();
    Ok(Box::leak(words.into_boxed_slice()))
}
