package emulator

import (
	"fmt"
	"strconv"
	"time"
)

// Fault is one way to break. ParseFault reads it:
//
//	error CODE ["message"]   the API's own error answer
//	throttle                 RequestLimitExceeded, 45011
//	missing                  ResourceNotFound.JobNotExist, 40097
//	http 500 [html|"body"]   that status
//	body "raw"               status 200 with this body
//	empty, null              status 200 with an empty body, with null
//	hang                     no answer until the client goes
//	delay 5s                 the right answer, late
//	drip [100ms]             the right answer, a byte at a time
//	reset                    the connection is reset
//	truncated 20             the first 20 bytes of the right answer as if they were all
//	cut 20                   the same, but the full length was promised
//	bom                      the right answer behind a byte order mark
//	gzip-bomb [64]           so many MiB of blanks in a few kB of gzip, then the right answer
//	endless                  blanks without end
//	deep [100000]            so many brackets in each other
//	redirect ["url"]         307 to there
//
// Each may be followed by "for 20s" (how long it lasts) and "times 3" (how many polls it meets).
type Fault struct {
	Do    string        // the first word above
	Code  string        // error
	Text  string        // message, body or URL
	N     int           // status, MiB, bytes, brackets
	HTML  bool          // http: an error page
	Wait  time.Duration // delay, drip
	For   time.Duration // 0: see Step
	Times int           // 0: any number
}

// faultArgs says which words follow: c code, t text, h status, n number, d duration; upper case must be there.
var faultArgs = map[string]string{
	"error": "Ct", "throttle": "", "missing": "", "http": "Ht", "body": "T", "empty": "", "null": "", "hang": "",
	"delay": "D", "drip": "d", "reset": "", "truncated": "N", "cut": "N", "bom": "", "gzip-bomb": "n", "endless": "",
	"deep": "n", "redirect": "t",
}

// faultWords are the words a status has to be quoted to be.
var faultWords = func() map[string]bool {
	words := map[string]bool{}
	for w := range faultArgs {
		words[w] = true
	}
	return words
}()

// whole reports whether the fault spoils an answer that was made, so that what the call asked for was done.
func (f *Fault) whole() bool {
	switch f.Do {
	case "delay", "drip", "truncated", "cut", "bom", "gzip-bomb":
		return true
	}
	return false
}

// verdict is how the log names the fault.
func (f *Fault) verdict() string {
	switch f.Do {
	case "error":
		return f.Code
	case "http":
		return "http " + strconv.Itoa(f.N)
	}
	return f.Do
}

// ParseFault reads one fault of that API, without the time in front.
func ParseFault(api API, text string) (Fault, error) {
	words, err := split(text)
	if err != nil {
		return Fault{}, err
	}
	if len(words) == 0 || words[0].quoted || !faultWords[words[0].text] {
		return Fault{}, fmt.Errorf("%q is not a fault", text)
	}
	f, err := parseFault(words, api)
	if err != nil {
		return Fault{}, err
	}
	return *f, nil
}

func parseFault(words []word, api API) (*Fault, error) {
	f := &Fault{Do: words[0].text}
	words = words[1:]
	for _, arg := range faultArgs[f.Do] {
		n, err := f.argument(arg|0x20, words, api)
		if err != nil {
			return nil, err
		}
		if n == 0 && arg < 'a' {
			return nil, fmt.Errorf("%s lacks what follows it", f.Do)
		}
		words = words[n:]
	}
	for len(words) >= 2 && !words[0].quoted && !words[1].quoted {
		var err error
		switch {
		case words[0].text == "for" && f.For == 0:
			f.For, err = parseDuration(words[1].text)
			if err == nil && f.For == 0 {
				err = fmt.Errorf("a fault for no time")
			}
		case words[0].text == "times" && f.Times == 0:
			f.Times, err = parseCount(words[1].text, 1, mostOf)
		default:
			err = fmt.Errorf("%q does not follow %s", words[0].text, f.Do)
		}
		if err != nil {
			return nil, err
		}
		words = words[2:]
	}
	if len(words) > 0 {
		return nil, fmt.Errorf("%q does not follow %s", words[0].text, f.Do)
	}
	return f, nil
}

// argument takes what arg stands for from the front of words and tells how many words that were.
func (f *Fault) argument(arg rune, words []word, api API) (int, error) {
	if len(words) == 0 || words[0].quoted != (arg == 't') && !(arg == 't' && f.Do == "http") {
		return 0, nil
	}
	w := words[0].text
	if !words[0].quoted && (w == "for" || w == "times") {
		return 0, nil
	}
	var err error
	switch arg {
	case 't':
		if !words[0].quoted && w == "html" {
			f.HTML = true
		} else if !words[0].quoted {
			return 0, fmt.Errorf("%q does not follow %s", w, f.Do)
		}
		if words[0].quoted {
			f.Text = w
		}
	case 'c':
		f.Code = w
		if _, e := strconv.ParseInt(w, 10, 32); e != nil && !api.ofDTS() {
			err = fmt.Errorf("%q is not an errcode, a number", w)
		} else if !plainWord(w) {
			err = fmt.Errorf("%q is not an error code", w)
		}
	case 'h':
		f.N, err = parseCount(w, 200, 599)
	case 'n':
		least := 1
		if f.Do == "truncated" || f.Do == "cut" {
			least = 0
		}
		f.N, err = parseCount(w, least, 1<<20)
	case 'd':
		if f.Wait, err = parseDuration(w); err == nil && f.Wait == 0 {
			err = fmt.Errorf("%s of no time", f.Do)
		}
	}
	return 1, err
}
