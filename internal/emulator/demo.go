package emulator

import _ "embed"

//go:embed demo.txt
var demo string

// Demo is the script of `migwatch demo`: jobs of both providers that move within seconds and begin
// anew a while after their end, for as long as the demo runs. Demo().Jobs() lists what to watch.
func Demo() Script {
	s, err := Parse(demo)
	if err != nil {
		panic("demo.txt: " + err.Error()) // a test parses it
	}
	return s
}
