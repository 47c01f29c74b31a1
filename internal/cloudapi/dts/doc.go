// Package dts polls migration checks through DescribeMigrateCheckJob of Tencent Cloud's Data
// Transmission Service (API 3.0, version 2018-03-30).
//
// The official SDK signs and sends; this package reads what comes back, as the SDK's own reading loses
// the status, has no limit and prints bodies. It translates and decides nothing, keeps no credentials
// beyond a poll, and must never show one.
package dts
