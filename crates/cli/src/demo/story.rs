//! The services of the sample data, and the dice that vary it.

/// A made-up service.
pub(super) struct Service {
    pub(super) app: &'static str,
    pub(super) agent: &'static str,
    pub(super) sessions_a_day: u64,
    pub(super) turns: u64,
    pub(super) uses_tools: bool,
    pub(super) models: &'static [(&'static str, &'static str)],
    pub(super) tasks: &'static [Task],
}

/// What a session of a service is about.
pub(super) struct Task {
    pub(super) feature: &'static str,
    pub(super) title: &'static str,
    pub(super) outcome: &'static str,
    pub(super) work_type: &'static str,
}

pub(super) const SERVICES: [Service; 4] = [
    Service {
        app: "checkout-api",
        agent: "raw_sdk_openai",
        sessions_a_day: 14,
        turns: 2,
        uses_tools: false,
        models: &[("openai", "gpt-4o-mini"), ("openai", "gpt-4o-mini"), ("openai", "gpt-4o")],
        tasks: &[
            Task {
                feature: "fraud-check",
                title: "Scoring an unusual order",
                outcome: "Scored an order with mixed signals.",
                work_type: "ops",
            },
            Task {
                feature: "address-repair",
                title: "Repairing a shipping address",
                outcome: "Repaired an incomplete address.",
                work_type: "ops",
            },
        ],
    },
    Service {
        app: "support-bot",
        agent: "raw_sdk_anthropic",
        sessions_a_day: 22,
        turns: 6,
        uses_tools: true,
        models: &[
            ("anthropic", "claude-haiku-4-5"),
            ("anthropic", "claude-haiku-4-5"),
            ("anthropic", "claude-sonnet-4-5"),
        ],
        tasks: &[
            Task {
                feature: "refunds",
                title: "Explaining a late refund",
                outcome: "Explained a refund delay and opened a ticket.",
                work_type: "chat",
            },
            Task {
                feature: "onboarding",
                title: "Walking through first setup",
                outcome: "Guided a first setup to the end.",
                work_type: "chat",
            },
            Task {
                feature: "billing",
                title: "Clearing up a double charge",
                outcome: "Found a double charge and reversed it.",
                work_type: "chat",
            },
        ],
    },
    Service {
        app: "code-review",
        agent: "claude_code",
        sessions_a_day: 8,
        turns: 14,
        uses_tools: true,
        models: &[
            ("anthropic", "claude-sonnet-4-5"),
            ("anthropic", "claude-opus-4-5"),
            ("openai", "gpt-5"),
        ],
        tasks: &[
            Task {
                feature: "review",
                title: "Reviewing a retry policy",
                outcome: "Reviewed a retry policy and asked for a limit.",
                work_type: "review",
            },
            Task {
                feature: "debugging",
                title: "Hunting a flaky test",
                outcome: "Traced a flaky test to a shared clock.",
                work_type: "debugging",
            },
            Task {
                feature: "refactoring",
                title: "Splitting a large module",
                outcome: "Split a module along its two tasks.",
                work_type: "refactoring",
            },
        ],
    },
    Service {
        app: "search-ranker",
        agent: "raw_sdk_generic",
        sessions_a_day: 18,
        turns: 1,
        uses_tools: false,
        models: &[
            ("google", "gemini-2.5-flash"),
            ("google", "gemini-2.5-flash"),
            ("google", "gemini-2.5-pro"),
            ("in-house", "ranker-7b"),
        ],
        tasks: &[
            Task {
                feature: "query-rewrite",
                title: "Rewriting a vague query",
                outcome: "Rewrote a vague query into three.",
                work_type: "research",
            },
            Task {
                feature: "ranking",
                title: "Ranking long answers",
                outcome: "Ranked ten candidate answers.",
                work_type: "research",
            },
        ],
    },
];

/// Server, tool and command family of the tool calls.
pub(super) const TOOLS: [(&str, &str, Option<&str>); 5] = [
    ("builtin", "Bash", Some("git")),
    ("builtin", "Bash", Some("cargo")),
    ("builtin", "Read", None),
    ("mcp:github", "create_pr", None),
    ("mcp:tickets", "open_ticket", None),
];

/// Numbers that look random and are the same at every start (xorshift).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below a limit.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// True once in so many times.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        &choices[index]
    }
}
