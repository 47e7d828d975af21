//! Made-up prompts: ASCII prose with a line of code now and then, and nothing that a floor would hide.

/// What a prompt is made of; the published floor is an order of magnitude slower beyond ASCII.
const PHRASES: [&str; 12] = [
    "Please look at the function below and tell me why the second test fails. ",
    "The service answers slowly when many people ask for the same report. ",
    "let total = items.iter().map(|item| item.count).sum::<usize>();\n",
    "We moved the cache in front of the database, and the figures improved. ",
    "Explain the difference between the two approaches in a few sentences. ",
    "if (response.ok) { return parse(await response.text()); }\n",
    "I would rather keep the old names, since other teams use them. ",
    "The list is sorted by date, then by the name of the customer.\n",
    "Could this be written without the second loop? ",
    "def merge(left, right):\n    return sorted(left + right)\n",
    "It worked last week; since then only the build has changed. ",
    "Summarise what was decided, and what is left for the next meeting.\n",
];

/// Bytes of a small call's texts.
pub const SMALL: usize = 1_024;
/// Bytes of a large call's texts.
pub const LARGE: usize = 100 * 1_024;

/// How much of a call's text is the answer.
const ANSWER_SHARE: usize = 5;

/// The texts of one call.
#[derive(Clone)]
pub struct Texts {
    /// What was asked.
    pub prompt: String,
    /// What was answered.
    pub completion: String,
}

impl Texts {
    /// Makes texts of so many bytes together; another number makes other texts.
    #[must_use]
    pub fn new(bytes: usize, number: usize) -> Self {
        let answer = bytes / ANSWER_SHARE;
        Self { prompt: text(bytes - answer, number), completion: text(answer, number + 5) }
    }
}

fn text(bytes: usize, number: usize) -> String {
    let mut text = String::with_capacity(bytes + PHRASES[0].len());
    // A step that is coprime to the number of phrases visits all of them.
    let step = [1, 5, 7, 11][number % 4];
    let mut next = number;
    while text.len() < bytes {
        text.push_str(PHRASES[next % PHRASES.len()]);
        next += step;
    }
    text.truncate(bytes);
    text.shrink_to_fit();
    text
}
