-- It only adds: builds before it work on.

-- DDL commits by itself on this engine: every statement may be run again.

-- +goose Up
-- Places that are watched as a whole. Claimed and fenced as jobs are.
CREATE TABLE IF NOT EXISTS discoveries (
    id               BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    provider         VARCHAR(32) NOT NULL,
    scope            VARCHAR(97) NOT NULL,
    budget           VARCHAR(120) NOT NULL,
    paused           BIGINT NOT NULL DEFAULT 0,
    finished         BIGINT NOT NULL DEFAULT 0, -- also jobs that were final when they were first listed
    watched_at       BIGINT NOT NULL,
    place            BIGINT NOT NULL DEFAULT 0, -- how many jobs of the list a sweep that was cut has read
    swept_at         BIGINT,
    whole_at         BIGINT,                    -- … of all jobs, whatever their state
    next_at          BIGINT,                    -- due; NULL: paused
    last_attempt_at  BIGINT,
    failures         BIGINT NOT NULL DEFAULT 0,
    error_kind       VARCHAR(32) NOT NULL DEFAULT '',
    error_code       VARCHAR(255) NOT NULL DEFAULT '',
    error_message    TEXT NOT NULL,
    error_request_id VARCHAR(255) NOT NULL DEFAULT '',
    error_at         BIGINT,
    error_repeats    BIGINT NOT NULL DEFAULT 0,
    epoch            BIGINT NOT NULL DEFAULT 0,
    lease_until      BIGINT NOT NULL DEFAULT 0,
    claim            VARCHAR(64) NOT NULL DEFAULT '',
    UNIQUE (provider, scope)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Jobs that were unwatched where a discovery may list them: it does not bring them back.
CREATE TABLE IF NOT EXISTS unwatched (
    provider VARCHAR(32) NOT NULL,
    scope    VARCHAR(97) NOT NULL,
    job_id   VARCHAR(64) NOT NULL,
    PRIMARY KEY (provider, scope, job_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How far a copy is behind, for the largest lag of a place; NULL: not told. MySQL knows no ADD COLUMN IF NOT
-- EXISTS, so the statement is made where the column is missing.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'jobs' AND column_name = 'lag_seconds') = 0,
    'ALTER TABLE jobs ADD COLUMN lag_seconds BIGINT', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
