package emulator

import (
	"fmt"
	"regexp"
	"strconv"
)

var (
	envPattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$`)
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

func knownRegion(s string) bool { return len(s) <= 64 && regionPattern.MatchString(s) }

// wechatID reads a job ID as WeChat writes it: a positive decimal of 64 bits.
func wechatID(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == s
}

// header begins a block: "dts REGION ID …", "wechat ENV ID …" or "api NAME [SCOPE]".
func (p *parser) header(words []word) error {
	b := Block{API: API(words[0].text)}
	var err error
	if b.API == "api" {
		err = apiHeader(&b, words[1:])
	} else {
		err = jobHeader(&b, words[1:])
	}
	if err != nil {
		return err
	}
	name := string(b.API) + " " + b.Scope + " " + b.ID
	if line := p.seen[name]; line > 0 {
		return fmt.Errorf("the same was named on line %d", line)
	}
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	p.seen[name] = p.line
	p.script.Blocks = append(p.script.Blocks, b)
	p.block = &p.script.Blocks[len(p.script.Blocks)-1]
	return nil
}

func apiHeader(b *Block, words []word) error {
	if len(words) == 0 || len(words) > 2 || words[0].quoted || !API(words[0].text).valid() {
		return fmt.Errorf("write: api wechat|dts|dts-migration|dts-sync|component-token|token-service [SCOPE]")
	}
	b.API, b.FromStart = API(words[0].text), true
	if len(words) == 2 {
		b.Scope = words[1].text
		return checkScope(b.API, words[1])
	}
	return nil
}

func checkScope(api API, w word) error {
	switch {
	case !w.quoted && api == WeChat && envPattern.MatchString(w.text):
	case !w.quoted && api.ofDTS() && knownRegion(w.text):
	case api.ofDTS():
		return fmt.Errorf("%q is not a region such as ap-shanghai", w.text)
	case api == WeChat:
		return fmt.Errorf("%q is not an environment ID such as test2-4a89da", w.text)
	default:
		return fmt.Errorf("%s has no scopes", api)
	}
	return nil
}

func jobHeader(b *Block, words []word) error {
	if len(words) < 2 || words[1].quoted {
		return fmt.Errorf("write: %s SCOPE ID", b.API)
	}
	if err := checkScope(b.API, words[0]); err != nil {
		return err
	}
	b.Scope, b.ID = words[0].text, words[1].text
	rest := words[2:]
	for i := 0; i < len(rest); i++ {
		w := rest[i]
		switch {
		case w.quoted && b.Label == "":
			b.Label = w.text
		case w == word{text: "start"} && !b.FromStart:
			b.FromStart = true
		case w == word{text: "x"} && b.Count == 0 && i+1 < len(rest):
			i++
			n, err := parseCount(rest[i].text, 1, mostOf)
			if err != nil {
				return err
			}
			b.Count = n
		case !w.quoted && b.API == WeChat && b.Kind == "" && (w.text == "export" || w.text == "import"):
			b.Kind = w.text
		default:
			return fmt.Errorf("%q has no place in the line that names a job of %s", w.text, b.API)
		}
	}
	return checkID(*b)
}

func checkID(b Block) error {
	id := b.ID
	if p, ok := patternOf(b.ID); ok != (b.Count > 0) {
		return fmt.Errorf("many jobs are written with a number in the ID and a count: dts-load-%%05d x 1000")
	} else if ok {
		id = p.id(b.Count)
	}
	switch {
	case b.API == WeChat && !wechatID(id):
		return fmt.Errorf("%q is not a WeChat job ID, a positive number", b.ID)
	case b.API.ofDTS() && !idPattern.MatchString(id):
		return fmt.Errorf("%q is not a DTS job ID such as dts-dau5czmd", b.ID)
	}
	if b.Count > 0 && b.API == WeChat {
		if p, _ := patternOf(b.ID); !wechatID(p.id(1)) {
			return fmt.Errorf("%q begins with a zero for some jobs", b.ID)
		}
	}
	return nil
}
