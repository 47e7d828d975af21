//! Every limit of the wire, with its reason.

/// Largest decompressed body of `/v1/ingest`, here and at the daemon: what published clients may send.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Largest decompressed body of `/v1/ingest/raw`: whole turns are longer than excerpts.
pub const MAX_RAW_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Most events in one batch: what published clients may send, and what one inbox commit holds.
pub const MAX_BATCH_EVENTS: usize = 10_000;

/// Most tool calls in one batch, as published.
pub const MAX_BATCH_TOOL_CALLS: usize = 20_000;

/// Most segments in one batch, as published.
pub const MAX_BATCH_SEGMENTS: usize = 2_000;

/// Most entries of a map that names sessions: one a batch event.
pub const MAX_SESSION_ENTRIES: usize = MAX_BATCH_EVENTS;

/// Deepest nesting of arrays and objects in a body; the published shapes need six.
pub const MAX_NESTING: usize = 32;

/// Longest identifier in code points. Published caps are 120 and 200; ours is wider, so that a long
/// but honest id is kept whole, since cutting an id would merge what it tells apart.
pub const MAX_IDENTIFIER_CHARS: usize = 512;

/// Longest usage object of a provider in bytes: the published ones have under one kilobyte.
pub const MAX_PROVIDER_USAGE_BYTES: usize = 16 * 1024;

/// Longest excerpt of a turn in code points; a longer one is cut, since a text is no identity.
pub const MAX_EXCERPT_CHARS: usize = 262_144;

/// Longest working directory, remote address or file name in code points; a longer one is cut.
pub const MAX_PATH_CHARS: usize = 1_024;

/// Longest abstract in code points.
pub const MAX_ABSTRACT_CHARS: usize = 512;

/// Longest session or segment title in code points.
pub const MAX_TITLE_CHARS: usize = 80;

/// Most metadata entries of one event; the lexicographically smallest keys are kept, as published.
pub const MAX_METADATA_ENTRIES: usize = 16;

/// Longest metadata key in code points; a longer one is cut, as published.
pub const MAX_METADATA_KEY_CHARS: usize = 64;

/// Longest metadata value in code points; a longer one is cut, as published.
pub const MAX_METADATA_VALUE_CHARS: usize = 256;

/// Most entries of an event's other maps and lists (tool counts, redactions, files touched).
pub const MAX_LIST_ENTRIES: usize = 256;

/// Most command families of one tool call, as published.
pub const MAX_COMMAND_FAMILIES: usize = 3;

/// Longest command family in code points; a longer one is cut, as published.
pub const MAX_COMMAND_FAMILY_CHARS: usize = 40;

/// Most tags of one segment, as published.
pub const MAX_SEGMENT_TAGS: usize = 40;

/// Most event ids of one segment, as published.
pub const MAX_SEGMENT_EVENTS: usize = 2_000;

/// Largest count in one token class (2⁵³ − 1): a browser still reads it exactly, and sums over any
/// number of accepted events fit the ledger's 128-bit columns.
pub const MAX_COUNT: u64 = 9_007_199_254_740_991;
