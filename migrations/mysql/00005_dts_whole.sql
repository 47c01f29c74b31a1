-- It only adds: builds before it work on.

-- A migration that was interrupted is run again on this engine: every statement bears that. MySQL knows
-- no ADD COLUMN IF NOT EXISTS, so the statement is made where the column is missing.

-- +goose Up
-- Scopes may name an account before the place.
ALTER TABLE jobs MODIFY COLUMN scope VARCHAR(97) NOT NULL, MODIFY COLUMN budget VARCHAR(120) NOT NULL;
ALTER TABLE events MODIFY COLUMN scope VARCHAR(97) NOT NULL;
ALTER TABLE budgets MODIFY COLUMN name VARCHAR(120) NOT NULL;

-- What the upstream tells of a job beside its state, as JSON; NULL: nothing.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'jobs' AND column_name = 'about') = 0,
    'ALTER TABLE jobs ADD COLUMN about TEXT', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;

-- The upstream's ID of the step at work; NULL: none, or not told.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'snapshots' AND column_name = 'step') = 0,
    'ALTER TABLE snapshots ADD COLUMN step VARCHAR(64)', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
