-- It only adds: builds before it work on.

-- +goose Up
-- Places that are watched as a whole. Claimed and fenced as jobs are.
CREATE TABLE discoveries (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    provider         TEXT NOT NULL,
    scope            TEXT NOT NULL,
    budget           TEXT NOT NULL,
    paused           INTEGER NOT NULL DEFAULT 0,
    finished         INTEGER NOT NULL DEFAULT 0, -- also jobs that were final when they were first listed
    watched_at       INTEGER NOT NULL,
    place            INTEGER NOT NULL DEFAULT 0, -- how many jobs of the list a sweep that was cut has read
    swept_at         INTEGER,
    whole_at         INTEGER,                    -- … of all jobs, whatever their state
    next_at          INTEGER,                    -- due; NULL: paused
    last_attempt_at  INTEGER,
    failures         INTEGER NOT NULL DEFAULT 0,
    error_kind       TEXT NOT NULL DEFAULT '',
    error_code       TEXT NOT NULL DEFAULT '',
    error_message    TEXT NOT NULL DEFAULT '',
    error_request_id TEXT NOT NULL DEFAULT '',
    error_at         INTEGER,
    error_repeats    INTEGER NOT NULL DEFAULT 0,
    epoch            INTEGER NOT NULL DEFAULT 0,
    lease_until      INTEGER NOT NULL DEFAULT 0,
    claim            TEXT NOT NULL DEFAULT '',
    UNIQUE (provider, scope)
);

-- Jobs that were unwatched where a discovery may list them: it does not bring them back.
CREATE TABLE unwatched (
    provider TEXT NOT NULL,
    scope    TEXT NOT NULL,
    job_id   TEXT NOT NULL,
    PRIMARY KEY (provider, scope, job_id)
);

-- How far a copy is behind, for the largest lag of a place; NULL: not told.
ALTER TABLE jobs ADD COLUMN lag_seconds INTEGER;
