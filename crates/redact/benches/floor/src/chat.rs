//! Conversations made up by a seeded generator: what people and models write, in several languages.

/// What a turn may consist of; a word in braces is replaced by one of its list.
const SENTENCES: &[&str] = &[
    "Can you {do} the {thing} for me before {when}?",
    "Sure, I would {do} the {thing} first and look at the {other} afterwards.",
    "The {thing} fails with \"{error}\" when the {other} is empty.",
    "That is odd: {error}. Which version of the {thing} do you run?",
    "I think we should {do} it {when}, otherwise the {other} gets out of step.",
    "Here is a short plan: 1. {do} the {thing}; 2. check the {other}; 3. tell the team.",
    "It took {number} minutes on my laptop and about {number} seconds in the build.",
    "In the meeting {when} somebody asked whether the {thing} can {do} the {other}.",
    "Thanks, that works! One more question about the {thing}, though.",
    "Translate this sentence: the {thing} opens {when} and costs {number} euros.",
    "As far as I know, {number} of {number} customers never {do} a {thing}.",
    "Your function returns `None` for an empty {thing}; use `get_or_insert({number})` instead.",
    "- {do} the {thing}\n- {do} the {other}\n- wait until {when}",
    "## What changed\n\nThe {thing} is {number} % faster and the {other} needs no {thing} any more.",
    "Please rewrite the paragraph so that a new colleague understands the {other}.",
    "See https://docs.rs/{word}/latest/{word}/struct.{name}.html for the details.",
    "The file src/{word}/{word}.rs holds the {thing}, tests/{word}.rs its test.",
    "My {thing} has {number} rows; can you group them by month and by {other}?",
    "No, I'd rather not {do} that: the {other} is shared by {number} services.",
    "SELECT month, count(*) FROM {word} WHERE id > {number} GROUP BY month;",
    "cargo test --package {word} -- --nocapture {word}",
];

/// The same with letters beyond ASCII, which one sentence in [`SENTENCES_PER_FOREIGN`] has.
const FOREIGN: &[&str] = &[
    "Könnten Sie die {thing} bitte bis Montag prüfen? Das wäre großartig.",
    "Je voudrais comprendre pourquoi la {thing} échoue après {number} essais.",
    "¿Puedes explicar cómo funciona {other} en una frase?",
    "请用一句话解释 {thing} 和 {other} 的区别。",
    "Looks good to me 👍 – let's {do} it {when}.",
];

/// They are rare in most conversations; the published floor is many times slower on text that has any.
const SENTENCES_PER_FOREIGN: usize = 40;

const LISTS: &[(&str, &[&str])] = &[
    (
        "do",
        &[
            "review",
            "rewrite",
            "summarise",
            "migrate",
            "test",
            "explain",
            "split",
            "rename",
            "cache",
            "publish",
            "measure",
            "translate",
        ],
    ),
    (
        "thing",
        &[
            "report",
            "invoice template",
            "parser",
            "login page",
            "query",
            "dashboard",
            "token count",
            "release note",
            "job queue",
            "password form",
            "access policy",
            "holiday calendar",
            "API client",
            "key binding",
            "recipe",
        ],
    ),
    (
        "other",
        &[
            "index",
            "backup",
            "summary",
            "price list",
            "address book",
            "test data",
            "cluster",
            "style sheet",
            "changelog",
            "search results",
            "session store",
            "public interface",
        ],
    ),
    ("when", &["tomorrow", "on Friday", "next week", "at 10:30", "in March", "on 3 May 2024"]),
    (
        "error",
        &[
            "index out of range",
            "no such file or directory",
            "connection reset by peer",
            "expected `;`",
            "TypeError: value is not iterable",
            "timed out after 30s",
        ],
    ),
    ("number", &["2", "7", "12", "40", "96", "128", "365", "1,024", "3.5", "2,750.00"]),
    ("word", &["parser", "store", "http_client", "metrics", "order_items", "session", "billing"]),
    ("name", &["Builder", "TokenStream", "KeyMap", "SecretBox", "Session", "RequestParts"]),
];

/// About as many bytes of conversation as asked for; the same ones every time.
pub(crate) fn generate(bytes: usize) -> String {
    let mut random = Random(0x6d6f_6465_6c73_7461);
    let mut text = String::with_capacity(bytes + 1024);
    while text.len() < bytes {
        let speaker = random.pick(&["User: ", "Assistant: ", ""]);
        text.push_str(speaker);
        for _ in 0..=random.below(3) {
            let is_foreign = random.below(SENTENCES_PER_FOREIGN) == 0;
            let sentences = if is_foreign { FOREIGN } else { SENTENCES };
            fill(random.pick(sentences), &mut text, &mut random);
            text.push(' ');
        }
        text.pop();
        text.push('\n');
    }
    text
}

fn fill(sentence: &str, text: &mut String, random: &mut Random) {
    let mut parts = sentence.split(['{', '}']);
    text.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        match LISTS.iter().find(|(name, _)| *name == part) {
            Some((_, words)) => text.push_str(random.pick(words)),
            None => text.push_str(part),
        }
        text.push_str(parts.next().unwrap_or_default());
    }
}

/// A small generator of numbers that are the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0x9e37_79b9);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    /// One of the choices.
    pub(crate) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices.get(self.below(choices.len())).copied().unwrap_or_default()
    }

    /// Shuffles in place.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
