-- Redacted batches as they came, until the pipeline has taken them apart.
CREATE TABLE incoming (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- What was taken in the last seven days, by key and content.
CREATE TABLE repeats (
    hash BLOB NOT NULL PRIMARY KEY,
    taken_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX repeats_by_time ON repeats (taken_at);

-- Requests to the server, byte for byte.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    events INTEGER NOT NULL,
    plain_bytes INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_by_key ON outbox (key, id);

-- Redacted turns, until their segment is closed.
CREATE TABLE turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL,
    app TEXT NOT NULL,
    session_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    ts INTEGER NOT NULL,
    arrived_at INTEGER NOT NULL,
    chars INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (key, app, session_id, event_id)
) STRICT;

-- Requests that the server will never take, kept to be looked at.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    moved_at INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    events INTEGER NOT NULL,
    code TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE counters (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
