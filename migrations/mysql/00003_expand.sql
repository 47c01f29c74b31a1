-- The second release. It only adds: builds of the first one work on.

-- DDL commits by itself on this engine: every statement may be run again. MySQL knows no ADD COLUMN IF
-- NOT EXISTS, so a column is added by a statement that is prepared only where it is missing.

-- +goose Up
-- Which schema version a build must know to use this database. A migration that takes something away
-- raises it; one that only adds leaves it alone.
INSERT IGNORE INTO sequences (name, value) VALUES ('usable_from', 2);
