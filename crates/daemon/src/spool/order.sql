-- Where a part of a halved request stands: in the place of the whole, first part before second.
ALTER TABLE outbox ADD COLUMN place INTEGER;
ALTER TABLE outbox ADD COLUMN part TEXT NOT NULL DEFAULT '';
-- Whether no request before it, of the same key, held a session of it: it may go out of turn.
ALTER TABLE outbox ADD COLUMN is_free INTEGER NOT NULL DEFAULT 0;
DROP INDEX outbox_by_key;
CREATE INDEX outbox_in_order ON outbox (key, COALESCE(place, id), part);
CREATE INDEX outbox_free ON outbox (key, id) WHERE is_free = 1;
-- Digests of a request's sessions, so that a restart need not read the requests.
CREATE TABLE outbox_sessions (
    outbox_id INTEGER PRIMARY KEY,
    sessions BLOB NOT NULL
) STRICT;

-- Events given up for their age, and how many of them are in a report that was queued.
CREATE TABLE expired (
    key INTEGER NOT NULL,
    app TEXT NOT NULL,
    device_id TEXT NOT NULL,
    events INTEGER NOT NULL,
    reported INTEGER NOT NULL,
    PRIMARY KEY (key, app)
) STRICT, WITHOUT ROWID;
-- Names this spool to servers, whose counters are kept by producer.
CREATE TABLE instance (id TEXT NOT NULL) STRICT;
INSERT INTO instance (id) VALUES ('daemon_' || lower(hex(randomblob(8))));
