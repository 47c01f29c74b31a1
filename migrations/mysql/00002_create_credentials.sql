-- +goose Up
CREATE TABLE IF NOT EXISTS credentials (
    name       VARCHAR(80) NOT NULL PRIMARY KEY, -- wechat_ticket, wechat_tokens
    sealed     TEXT        NOT NULL,             -- never in clear
    version    BIGINT      NOT NULL,             -- raised by every change
    changed_at BIGINT      NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
