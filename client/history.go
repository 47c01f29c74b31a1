package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Span chooses snapshots of one job: those in whose time, from the first to the last poll that saw
// them, some instant of [Since, Until) lies.
type Span struct {
	Since, Until time.Time // zero: open
	Ascending    bool      // oldest first; else newest first
	PageSize     int       // 1–500; 0: the server's default, 50
}

func (s Span) values(cursor string) url.Values {
	q := values("since", instant(s.Since), "until", instant(s.Until), "cursor", cursor)
	if s.Ascending {
		q.Set("order", "asc")
	}
	return paged(q, s.PageSize)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// History lists a job's snapshots, newest first unless s says otherwise.
func (c *Client) History(ctx context.Context, k Key, s Span) iter.Seq2[Snapshot, error] {
	return each(func(cursor string) (Page[Snapshot], error) { return c.HistoryPage(ctx, k, s, cursor) })
}

// HistoryPage is one page of History; cursor is Next of the page before, or "".
func (c *Client) HistoryPage(ctx context.Context, k Key, s Span, cursor string) (Page[Snapshot], error) {
	var page Page[Snapshot]
	err := c.get(ctx, historyPath(k), s.values(cursor), &page)
	return page, err
}

func historyPath(k Key) string { return jobsPath + k.path() + "/history" }

// HistoryCSV writes a job's snapshots to w as the server makes them: CSV with one header line.
func (c *Client) HistoryCSV(ctx context.Context, k Key, s Span, w io.Writer) error {
	return c.export(ctx, k, s, "text/csv", w)
}

// HistoryNDJSON writes a job's snapshots to w as the server makes them: one JSON object a line.
func (c *Client) HistoryNDJSON(ctx context.Context, k Key, s Span, w io.Writer) error {
	return c.export(ctx, k, s, "application/x-ndjson", w)
}

// export copies page after page. Every page of CSV begins with the header; only the first one's stays.
func (c *Client) export(ctx context.Context, k Key, s Span, format string, w io.Writer) error {
	for cursor := ""; ; {
		next, err := c.exportPage(ctx, call{
			method: http.MethodGet, path: historyPath(k), query: s.values(cursor), header: http.Header{"Accept": {format}},
		}, format == "text/csv" && cursor != "", w)
		if err != nil || next == "" {
			return err
		}
		if next == cursor {
			return errors.New("the server gives the same page over and over")
		}
		cursor = next
	}
}

func (c *Client) exportPage(ctx context.Context, r call, headless bool, w io.Writer) (next string, err error) {
	res, err := c.open(ctx, r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body := bufio.NewReader(io.LimitReader(res.Body, maxAnswer))
	if headless {
		if _, err := body.ReadString('\n'); err != nil {
			return "", c.unreachable(err)
		}
	}
	if _, err := io.Copy(w, body); err != nil {
		return "", err
	}
	return nextCursor(res.Header), nil
}

// nextCursor reads cursor from Link: <…?cursor=…>; rel="next".
func nextCursor(h http.Header) string {
	for _, link := range h.Values("Link") {
		target, attributes, _ := strings.Cut(link, ">")
		if !strings.Contains(attributes, `rel="next"`) {
			continue
		}
		u, err := url.Parse(strings.TrimPrefix(strings.TrimSpace(target), "<"))
		if err == nil {
			return u.Query().Get("cursor")
		}
	}
	return ""
}
