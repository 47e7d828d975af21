-- What came of content from a model, for a while, so that the same content is not asked about twice. The
-- hash is keyed; the body is the packed draft as it left, or nothing where the model made nothing usable.
CREATE TABLE known (
    hash BLOB NOT NULL PRIMARY KEY,
    used_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX known_by_use ON known (used_at, bytes);
