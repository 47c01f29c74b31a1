-- It only adds: builds before it work on.

-- A migration that was interrupted is run again on this engine: every statement bears that. MySQL knows
-- no ADD COLUMN IF NOT EXISTS, so the statement is made where the column is missing.

-- +goose Up
-- How many failures in a row had error_code; 0: not counted yet.
SET @add = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'jobs' AND column_name = 'error_repeats') = 0,
    'ALTER TABLE jobs ADD COLUMN error_repeats BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE add_column FROM @add;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
