// Package wechat polls migration jobs through getMigrationState of WeChat's open platform, and
// gets the component_access_token that needs: given, from a token service, or bought here.
//
// It translates and decides nothing: what a failed poll means for a job is package job's. It must
// never show a token, a ticket, a secret or the query of a URL, and it reads no clock of its own.
package wechat
