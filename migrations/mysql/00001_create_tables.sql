-- Instants are integer UTC milliseconds. '' and 0 mean "none" where a column is NOT NULL.

-- DDL commits by itself on this engine: every statement may be run again.

-- +goose Up
CREATE TABLE IF NOT EXISTS jobs (
    id               BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    provider         VARCHAR(32) NOT NULL,
    scope            VARCHAR(64) NOT NULL,
    job_id           VARCHAR(64) NOT NULL,
    budget           VARCHAR(80) NOT NULL,           -- whose slots its looks take
    label            VARCHAR(200) NOT NULL DEFAULT '',
    paused           BIGINT NOT NULL DEFAULT 0,
    phase            VARCHAR(32) NOT NULL,
    watched_at       BIGINT NOT NULL,
    changed_at       BIGINT NOT NULL,           -- in this phase since
    seq              BIGINT NOT NULL DEFAULT 0, -- the newest snapshot
    next_at          BIGINT,                    -- due; NULL: never by itself
    last_attempt_at  BIGINT,
    failures         BIGINT NOT NULL DEFAULT 0,
    error_kind       VARCHAR(32) NOT NULL DEFAULT '',
    error_code       VARCHAR(255) NOT NULL DEFAULT '',
    error_message    TEXT NOT NULL,
    error_request_id VARCHAR(255) NOT NULL DEFAULT '',
    error_at         BIGINT,
    file_url         TEXT NOT NULL, -- sealed, never in clear
    file_expires_at  BIGINT,
    epoch            BIGINT NOT NULL DEFAULT 0, -- the fence: raised by every claim
    recorded_epoch   BIGINT NOT NULL DEFAULT 0, -- the last one whose look was recorded
    lease_until      BIGINT NOT NULL DEFAULT 0,
    claim            VARCHAR(64) NOT NULL DEFAULT '',
    UNIQUE INDEX jobs_key (provider, scope, job_id),
    INDEX jobs_due (budget, lease_until, next_at),
    INDEX jobs_changed (changed_at, id),
    INDEX jobs_scope_changed (scope, changed_at, id),
    INDEX jobs_provider_phase_changed (provider, phase, changed_at, id),
    INDEX jobs_failing (error_kind),
    INDEX jobs_paused (paused)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS snapshots (
    job               BIGINT NOT NULL,
    seq               BIGINT NOT NULL,
    phase             VARCHAR(32) NOT NULL,
    status            VARCHAR(255) NOT NULL,
    progress          BIGINT,
    check_flag        BIGINT,
    error_code        BIGINT,
    message           TEXT NOT NULL,
    records_succeeded BIGINT,
    records_failed    BIGINT,
    request_id        VARCHAR(255) NOT NULL,
    first_observed_at BIGINT NOT NULL,
    last_observed_at  BIGINT NOT NULL,
    observations      BIGINT NOT NULL,
    PRIMARY KEY (job, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS events (
    id         BIGINT PRIMARY KEY, -- from sequences, in the order of commits
    job        BIGINT NOT NULL,
    provider   VARCHAR(32) NOT NULL,
    scope      VARCHAR(64) NOT NULL,
    job_id     VARCHAR(64) NOT NULL,
    from_phase VARCHAR(32) NOT NULL,
    to_phase   VARCHAR(32) NOT NULL,
    at         BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    message    TEXT NOT NULL,
    INDEX events_job (job, id),
    INDEX events_provider (provider, id),
    INDEX events_scope (scope, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sequences (
    name  VARCHAR(80) NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO sequences (name, value) VALUES ('events', 0), ('prune', 0);

CREATE TABLE IF NOT EXISTS budgets (
    name         VARCHAR(80) NOT NULL PRIMARY KEY,
    seen_at      BIGINT NOT NULL DEFAULT 0, -- when slots were last reserved
    step         BIGINT NOT NULL DEFAULT 0, -- how far that moved next_at
    next_at      BIGINT NOT NULL DEFAULT 0, -- the next free slot
    holder       VARCHAR(64) NOT NULL DEFAULT '', -- the process that reserved last
    token        VARCHAR(64) NOT NULL DEFAULT '', -- which reservation that was
    shared_until BIGINT NOT NULL DEFAULT 0, -- slots before this may have neighbours of another process
    pushes       BIGINT NOT NULL DEFAULT 0, -- how often an upstream's refusal moved next_at
    pushed_until BIGINT NOT NULL DEFAULT 0,
    pushed_by    VARCHAR(32) NOT NULL DEFAULT ''
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS ticks (
    id             BIGINT PRIMARY KEY,
    started_at     BIGINT NOT NULL DEFAULT 0, -- of the last one
    finished_at    BIGINT NOT NULL DEFAULT 0,
    claimed        BIGINT NOT NULL DEFAULT 0,
    recorded       BIGINT NOT NULL DEFAULT 0,
    changed        BIGINT NOT NULL DEFAULT 0,
    failed         BIGINT NOT NULL DEFAULT 0,
    released       BIGINT NOT NULL DEFAULT 0,
    lost           BIGINT NOT NULL DEFAULT 0,
    notified       BIGINT NOT NULL DEFAULT 0,
    due            BIGINT NOT NULL DEFAULT 0,
    total_ticks    BIGINT NOT NULL DEFAULT 0, -- since the beginning
    total_claimed  BIGINT NOT NULL DEFAULT 0,
    total_recorded BIGINT NOT NULL DEFAULT 0,
    total_changed  BIGINT NOT NULL DEFAULT 0,
    total_failed   BIGINT NOT NULL DEFAULT 0,
    total_released BIGINT NOT NULL DEFAULT 0,
    total_lost     BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO ticks (id) VALUES (1);
