-- Instants are integer UTC milliseconds. '' and 0 mean "none" where a column is NOT NULL.

-- +goose Up
CREATE TABLE jobs (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    provider         TEXT    NOT NULL,
    scope            TEXT    NOT NULL,
    job_id           TEXT    NOT NULL,
    budget           TEXT    NOT NULL,           -- whose slots its looks take
    label            TEXT    NOT NULL DEFAULT '',
    paused           INTEGER NOT NULL DEFAULT 0,
    phase            TEXT    NOT NULL,
    watched_at       INTEGER NOT NULL,
    changed_at       INTEGER NOT NULL,           -- in this phase since
    seq              INTEGER NOT NULL DEFAULT 0, -- the newest snapshot
    next_at          INTEGER,                    -- due; NULL: never by itself
    last_attempt_at  INTEGER,
    failures         INTEGER NOT NULL DEFAULT 0,
    error_kind       TEXT    NOT NULL DEFAULT '',
    error_code       TEXT    NOT NULL DEFAULT '',
    error_message    TEXT    NOT NULL DEFAULT '',
    error_request_id TEXT    NOT NULL DEFAULT '',
    error_at         INTEGER,
    file_url         TEXT    NOT NULL DEFAULT '', -- sealed, never in clear
    file_expires_at  INTEGER,
    epoch            INTEGER NOT NULL DEFAULT 0, -- the fence: raised by every claim
    recorded_epoch   INTEGER NOT NULL DEFAULT 0, -- the last one whose look was recorded
    lease_until      INTEGER NOT NULL DEFAULT 0,
    claim            TEXT    NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX jobs_key ON jobs (provider, scope, job_id);
CREATE INDEX jobs_due ON jobs (budget, lease_until, next_at);
CREATE INDEX jobs_changed ON jobs (changed_at, id);
CREATE INDEX jobs_scope_changed ON jobs (scope, changed_at, id);
CREATE INDEX jobs_provider_phase_changed ON jobs (provider, phase, changed_at, id);
CREATE INDEX jobs_failing ON jobs (error_kind) WHERE error_kind > '';
CREATE INDEX jobs_paused ON jobs (paused) WHERE paused = 1;

CREATE TABLE snapshots (
    job               INTEGER NOT NULL,
    seq               INTEGER NOT NULL,
    phase             TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    progress          INTEGER,
    check_flag        INTEGER,
    error_code        INTEGER,
    message           TEXT    NOT NULL,
    records_succeeded INTEGER,
    records_failed    INTEGER,
    request_id        TEXT    NOT NULL,
    first_observed_at INTEGER NOT NULL,
    last_observed_at  INTEGER NOT NULL,
    observations      INTEGER NOT NULL,
    PRIMARY KEY (job, seq)
) WITHOUT ROWID;

CREATE TABLE events (
    id         INTEGER PRIMARY KEY, -- from sequences, in the order of commits
    job        INTEGER NOT NULL,
    provider   TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    job_id     TEXT    NOT NULL,
    from_phase TEXT    NOT NULL,
    to_phase   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    message    TEXT    NOT NULL
);
CREATE INDEX events_job ON events (job, id);
CREATE INDEX events_provider ON events (provider, id);
CREATE INDEX events_scope ON events (scope, id);

CREATE TABLE sequences (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
);
INSERT INTO sequences (name, value) VALUES ('events', 0), ('prune', 0);

CREATE TABLE budgets (
    name         TEXT    PRIMARY KEY,
    seen_at      INTEGER NOT NULL DEFAULT 0, -- when slots were last reserved
    step         INTEGER NOT NULL DEFAULT 0, -- how far that moved next_at
    next_at      INTEGER NOT NULL DEFAULT 0, -- the next free slot
    holder       TEXT    NOT NULL DEFAULT '', -- the process that reserved last
    token        TEXT    NOT NULL DEFAULT '', -- which reservation that was
    shared_until INTEGER NOT NULL DEFAULT 0, -- slots before this may have neighbours of another process
    pushes       INTEGER NOT NULL DEFAULT 0, -- how often an upstream's refusal moved next_at
    pushed_until INTEGER NOT NULL DEFAULT 0,
    pushed_by    TEXT    NOT NULL DEFAULT ''
);

CREATE TABLE ticks (
    id             INTEGER PRIMARY KEY,
    started_at     INTEGER NOT NULL DEFAULT 0, -- of the last one
    finished_at    INTEGER NOT NULL DEFAULT 0,
    claimed        INTEGER NOT NULL DEFAULT 0,
    recorded       INTEGER NOT NULL DEFAULT 0,
    changed        INTEGER NOT NULL DEFAULT 0,
    failed         INTEGER NOT NULL DEFAULT 0,
    released       INTEGER NOT NULL DEFAULT 0,
    lost           INTEGER NOT NULL DEFAULT 0,
    notified       INTEGER NOT NULL DEFAULT 0,
    due            INTEGER NOT NULL DEFAULT 0,
    total_ticks    INTEGER NOT NULL DEFAULT 0, -- since the beginning
    total_claimed  INTEGER NOT NULL DEFAULT 0,
    total_recorded INTEGER NOT NULL DEFAULT 0,
    total_changed  INTEGER NOT NULL DEFAULT 0,
    total_failed   INTEGER NOT NULL DEFAULT 0,
    total_released INTEGER NOT NULL DEFAULT 0,
    total_lost     INTEGER NOT NULL DEFAULT 0
);
INSERT INTO ticks (id) VALUES (1);
