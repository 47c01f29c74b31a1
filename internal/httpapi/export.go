package httpapi

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"migwatch/internal/job"
	"migwatch/internal/view"
)

// exported is a page of history in one of the formats. It is bounded by the page.
func exported(list snapshotList, format string, k job.Key) *reply {
	rep := &reply{status: 200, contentType: format, cache: cacheReads, vary: "Accept, Authorization"}
	switch format {
	case csvType:
		rep.contentType = csvType + "; charset=utf-8; header=present"
		rep.disposition = `attachment; filename="` + strings.Join([]string{string(k.Provider), k.Scope, k.ID}, "_") + `.csv"`
		rep.body = csvOf(list.Items)
	case ndjsonType:
		var b bytes.Buffer
		for _, row := range list.Items {
			b.Write(encode(row))
		}
		rep.body = b.Bytes()
	default:
		rep.body = encode(list)
	}
	return rep
}

const csvHeader = "seq,phase,status,progress,check_flag,error_code,message,records_succeeded,records_failed," +
	"request_id,first_observed_at,last_observed_at,observations,step\r\n"

// csvOf is RFC 4180. encoding/csv will not do: with CRLF it rewrites line ends inside cells.
func csvOf(rows []view.Snapshot) []byte {
	b := []byte(csvHeader)
	for _, r := range rows {
		b = appendNumber(b, &r.Seq)
		b = appendText(append(b, ','), string(r.Phase))
		b = appendText(append(b, ','), r.Status)
		b = appendNumber(append(b, ','), r.Progress)
		b = appendNumber(append(b, ','), r.CheckFlag)
		b = appendNumber(append(b, ','), r.ErrorCode)
		b = appendText(append(b, ','), r.Message)
		b = appendNumber(append(b, ','), r.RecordsSucceeded)
		b = appendNumber(append(b, ','), r.RecordsFailed)
		b = appendText(append(b, ','), r.RequestID)
		b = appendText(append(b, ','), r.FirstObservedAt)
		b = appendText(append(b, ','), r.LastObservedAt)
		b = appendNumber(append(b, ','), &r.Observations)
		b = append(b, ',')
		if r.Step != nil {
			b = appendText(b, *r.Step)
		}
		b = append(b, "\r\n"...)
	}
	return b
}

func appendNumber(b []byte, n *int64) []byte {
	if n == nil {
		return b
	}
	return strconv.AppendInt(b, *n, 10)
}

// formulas are the characters that make a spreadsheet run a cell. East Asian editions take the
// full-width ones as well.
const formulas = "=+-@\t\r\n＝＋－＠"

// appendText disarms what a spreadsheet would run as a formula: upstream texts are nobody's here.
func appendText(b []byte, s string) []byte {
	if first, _ := utf8.DecodeRuneInString(s); strings.ContainsRune(formulas, first) {
		s = "'" + s
	}
	if !strings.ContainsAny(s, ",\"\r\n") && strings.Trim(s, " ") == s {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}

// negotiate picks the history's format by Accept: the greatest q, then the more exact range, then the
// order here. Empty: none will do.
func negotiate(accept string) string {
	if strings.Trim(accept, " \t,") == "" {
		return jsonType
	}
	ranges := strings.Split(accept, ",")
	best, bestQ, bestExact := "", 0, 0
	for _, offer := range []string{jsonType, csvType, ndjsonType} {
		q, exact := quality(ranges, offer)
		if q > bestQ || q == bestQ && q > 0 && exact > bestExact {
			best, bestQ, bestExact = offer, q, exact
		}
	}
	return best
}

// quality is what the most exact of ranges that covers offer says of it: q in thousandths, and how
// exact that range is (3 the type itself, 2 type/*, 1 */*).
func quality(ranges []string, offer string) (q, exact int) {
	major, _, _ := strings.Cut(offer, "/")
	for _, r := range ranges {
		name, params, _ := strings.Cut(r, ";")
		level := 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case offer:
			level = 3
		case major + "/*":
			level = 2
		case "*/*":
			level = 1
		}
		if level > exact {
			q, exact = weight(params), level
		}
	}
	return q, exact
}

// weight reads q=… among a range's parameters, in thousandths; without one, or with one that cannot
// be, it is 1.
func weight(params string) int {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		if f, err := strconv.ParseFloat(value, 64); err == nil && f >= 0 && f <= 1 {
			return int(f*1000 + 0.5)
		}
	}
	return 1000
}
