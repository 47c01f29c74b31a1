-- It only adds: builds before it work on.

-- +goose Up
-- What the upstream tells of a job beside its state, as JSON; NULL: nothing.
ALTER TABLE jobs ADD COLUMN about TEXT;
-- The upstream's ID of the step at work; NULL: none, or not told.
ALTER TABLE snapshots ADD COLUMN step TEXT;
