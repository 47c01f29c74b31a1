-- The second release. It only adds: builds of the first one work on.

-- A migration that was interrupted is run again on this engine: every statement bears that.

-- +goose Up
-- Which schema version a build must know to use this database. A migration that takes something away
-- raises it; one that only adds leaves it alone.
INSERT IGNORE INTO sequences (name, value) VALUES ('usable_from', 2);
