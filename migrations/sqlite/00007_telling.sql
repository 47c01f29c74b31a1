-- It only adds: builds before it work on.

-- +goose Up
-- What kind of thing happened, and to how many jobs. A trouble is no job's: job 0, job_id '', seq 0.
ALTER TABLE events ADD COLUMN type TEXT NOT NULL DEFAULT 'phase';
ALTER TABLE events ADD COLUMN jobs INTEGER NOT NULL DEFAULT 1;

-- The snapshot that was told as stuck last; 0: none.
ALTER TABLE jobs ADD COLUMN stuck_seq INTEGER NOT NULL DEFAULT 0;

-- Polls of a budget that fail for one kind of reason: open troubles, and those that may become one.
CREATE TABLE troubles (
    budget    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    since     INTEGER NOT NULL,                    -- when that was first noticed
    opened_at INTEGER,                             -- when it was told; NULL: not yet
    jobs      INTEGER NOT NULL,
    code      TEXT NOT NULL DEFAULT '',
    message   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (budget, kind)
);

-- Where events are sent. Claimed and fenced as jobs are; no address and no secret is in here.
CREATE TABLE sinks (
    id            TEXT NOT NULL PRIMARY KEY, -- a digest of the address without its secrets
    version       TEXT NOT NULL,              -- … of all of it
    kind          TEXT NOT NULL,
    name          TEXT NOT NULL,
    filter        TEXT NOT NULL,                 -- which events it wants, as JSON
    place         INTEGER NOT NULL,                -- the last event that it took, or did not want
    told          INTEGER NOT NULL DEFAULT 0,      -- events that it took
    dropped       INTEGER NOT NULL DEFAULT 0,      -- … that were given up
    failures      INTEGER NOT NULL DEFAULT 0,      -- sendings in a row
    failing_since INTEGER,
    error         TEXT NOT NULL DEFAULT '',
    stopped       INTEGER NOT NULL DEFAULT 0,      -- the address is gone or wrong, until it changes
    next_at       INTEGER NOT NULL DEFAULT 0,      -- not before
    sent_at       INTEGER,
    seen_at       INTEGER NOT NULL,                -- when it was last found in the settings
    epoch         INTEGER NOT NULL DEFAULT 0,
    lease_until   INTEGER NOT NULL DEFAULT 0,
    claim         TEXT NOT NULL DEFAULT ''
);

-- When jobs that stand still were last looked for.
INSERT INTO sequences (name, value) VALUES ('stuck', 0);
