-- What is kept of closed segments for a day, so that late events join them: numbers and features, no text
-- but the abstract that has left.
CREATE TABLE closed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL,
    app TEXT NOT NULL,
    session_id TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    chars INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX closed_by_session ON closed (key, app, session_id, last_at);
CREATE INDEX closed_by_time ON closed (closed_at, bytes);

-- Their events, so that one that comes again is told apart.
CREATE TABLE closed_events (
    hash BLOB NOT NULL PRIMARY KEY,
    closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX closed_events_by_segment ON closed_events (closed);

-- Keyed hashes of what redaction removed from the events of a batch, by place.
ALTER TABLE incoming ADD COLUMN removed BLOB;
