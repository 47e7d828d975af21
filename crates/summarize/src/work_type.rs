//! The kinds of work: a closed list.

/// What a segment's work was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkType {
    /// Thinking ahead.
    Planning,
    /// Writing something new.
    Implementation,
    /// Finding out what is wrong.
    Debugging,
    /// Judging what was written.
    Review,
    /// Changing form without changing behaviour.
    Refactoring,
    /// Writing and running tests.
    Testing,
    /// Writing for readers.
    Docs,
    /// Building, packaging and deploying.
    Devops,
    /// Finding something out.
    Research,
    /// Keeping something running.
    Ops,
    /// Talk.
    Chat,
    /// None of these.
    Misc,
}

impl WorkType {
    /// Every kind, in the order in which a tie is decided.
    pub const ALL: [Self; 12] = [
        Self::Debugging,
        Self::Testing,
        Self::Implementation,
        Self::Refactoring,
        Self::Review,
        Self::Docs,
        Self::Devops,
        Self::Ops,
        Self::Planning,
        Self::Research,
        Self::Chat,
        Self::Misc,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Implementation => "implementation",
            Self::Debugging => "debugging",
            Self::Review => "review",
            Self::Refactoring => "refactoring",
            Self::Testing => "testing",
            Self::Docs => "docs",
            Self::Devops => "devops",
            Self::Research => "research",
            Self::Ops => "ops",
            Self::Chat => "chat",
            Self::Misc => "misc",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether only people who build or run software do it.
    pub(crate) const fn is_of_software(self) -> bool {
        matches!(
            self,
            Self::Implementation
                | Self::Debugging
                | Self::Refactoring
                | Self::Testing
                | Self::Devops
                | Self::Ops
        )
    }

    /// The word at the start of a sentence.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Planning => "Planning",
            Self::Implementation => "Implementation",
            Self::Debugging => "Debugging",
            Self::Review => "Review",
            Self::Refactoring => "Refactoring",
            Self::Testing => "Testing",
            Self::Docs => "Documentation",
            Self::Devops => "Build and deployment",
            Self::Research => "Research",
            Self::Ops => "Operations",
            Self::Chat => "Conversation",
            Self::Misc => "Work",
        }
    }
}
