// Package emulator plays both upstream APIs, WeChat's open platform and Tencent Cloud's DTS, as one
// strict http.Handler that follows a script. The demo, the end-to-end tests and the chaos tests talk to
// it over real HTTP, from this process or from others.
//
// It refuses what the real APIs refuse (methods, tokens, signatures, types, too many calls in a second),
// breaks as they break when told to, and keeps an honest log of what arrived and when.
//
// It must not import anything of migwatch: a mistake shared with the code under test would hide a wrong
// translation. It reads no clock but the one it is given; only hanging, delayed and dripping answers
// take real time.
package emulator
