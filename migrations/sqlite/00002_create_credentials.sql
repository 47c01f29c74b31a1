-- +goose Up
CREATE TABLE credentials (
    name       TEXT    PRIMARY KEY, -- wechat_ticket, wechat_tokens
    sealed     TEXT    NOT NULL,    -- never in clear
    version    INTEGER NOT NULL,    -- raised by every change
    changed_at INTEGER NOT NULL
);
