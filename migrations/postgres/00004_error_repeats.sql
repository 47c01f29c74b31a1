-- It only adds: builds before it work on.

-- +goose Up
-- How many failures in a row had error_code; 0: not counted yet.
ALTER TABLE jobs ADD COLUMN error_repeats BIGINT NOT NULL DEFAULT 0;
