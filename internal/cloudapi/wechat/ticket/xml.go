package ticket

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

var errXML = errors.New("ticket: not a flat XML document")

const elementLimit = 256

// flatten reads a document <xml><Name>text</Name>…</xml> into its fields. It takes nothing that XML
// can do beyond that: no document type, no entities but the five, no processing instructions but the
// declaration, no comments, no name twice, no elements deeper than depth below the root, and nothing
// after the root. Text of deeper elements is skipped.
func flatten(document []byte, depth int) (map[string]string, error) {
	d := xml.NewDecoder(bytes.NewReader(document)) // strict, and without CharsetReader UTF-8 only
	fields := map[string]string{}
	var text strings.Builder
	level, elements, done := 0, 0, false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && done {
			return fields, nil
		}
		if err != nil {
			return nil, errXML
		}
		switch t := t.(type) {
		case xml.StartElement:
			if level++; done || level > depth+1 || len(t.Attr) > 0 || level == 1 && t.Name.Local != "xml" {
				return nil, errXML
			}
			if elements++; elements > elementLimit {
				return nil, errXML
			}
			text.Reset()
		case xml.EndElement:
			if level == 2 {
				if _, twice := fields[t.Name.Local]; twice {
					return nil, errXML
				}
				fields[t.Name.Local] = strings.TrimSpace(text.String())
			}
			text.Reset()
			level--
			done = level == 0
		case xml.CharData:
			if level < 2 && len(bytes.TrimSpace(t)) > 0 {
				return nil, errXML
			}
			if level == 2 {
				text.Write(t)
			}
		case xml.ProcInst:
			if t.Target != "xml" || level > 0 || done || elements > 0 {
				return nil, errXML
			}
		default: // comments and directives
			return nil, errXML
		}
	}
}
