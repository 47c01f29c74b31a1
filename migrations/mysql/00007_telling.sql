-- It only adds: builds before it work on.

-- DDL commits by itself on this engine: every statement may be run again.

-- +goose Up
-- What kind of thing happened, and to how many jobs. A trouble is no job's: job 0, job_id '', seq 0.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'type') = 0,
    'ALTER TABLE events ADD COLUMN type VARCHAR(32) NOT NULL DEFAULT ''phase''', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'jobs') = 0,
    'ALTER TABLE events ADD COLUMN jobs BIGINT NOT NULL DEFAULT 1', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;

-- The snapshot that was told as stuck last; 0: none.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'jobs' AND column_name = 'stuck_seq') = 0,
    'ALTER TABLE jobs ADD COLUMN stuck_seq BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;

-- Polls of a budget that fail for one kind of reason: open troubles, and those that may become one.
CREATE TABLE IF NOT EXISTS troubles (
    budget    VARCHAR(120) NOT NULL,
    kind      VARCHAR(32) NOT NULL,
    since     BIGINT NOT NULL,                    -- when that was first noticed
    opened_at BIGINT,                             -- when it was told; NULL: not yet
    jobs      BIGINT NOT NULL,
    code      VARCHAR(255) NOT NULL DEFAULT '',
    message   TEXT NOT NULL,
    PRIMARY KEY (budget, kind)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Where events are sent. Claimed and fenced as jobs are; no address and no secret is in here.
CREATE TABLE IF NOT EXISTS sinks (
    id            VARCHAR(64) NOT NULL PRIMARY KEY,  -- a digest of the address without its secrets
    version       VARCHAR(64) NOT NULL,              -- … of all of it
    kind          VARCHAR(32) NOT NULL,
    name          VARCHAR(255) NOT NULL,
    filter        TEXT NOT NULL,                 -- which events it wants, as JSON
    place         BIGINT NOT NULL,                -- the last event that it took, or did not want
    told          BIGINT NOT NULL DEFAULT 0,      -- events that it took
    dropped       BIGINT NOT NULL DEFAULT 0,      -- … that were given up
    failures      BIGINT NOT NULL DEFAULT 0,      -- sendings in a row
    failing_since BIGINT,
    error         TEXT NOT NULL,
    stopped       BIGINT NOT NULL DEFAULT 0,      -- the address is gone or wrong, until it changes
    next_at       BIGINT NOT NULL DEFAULT 0,      -- not before
    sent_at       BIGINT,
    seen_at       BIGINT NOT NULL,                -- when it was last found in the settings
    epoch         BIGINT NOT NULL DEFAULT 0,
    lease_until   BIGINT NOT NULL DEFAULT 0,
    claim         VARCHAR(64) NOT NULL DEFAULT ''
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- When jobs that stand still were last looked for.
INSERT IGNORE INTO sequences (name, value) VALUES ('stuck', 0);
