package explain

import (
	"strings"
	"testing"
)

// Who may write events or annotations in a namespace must not write to the terminal
// of whoever explains.
func TestWriteKeepsControlCharactersFromTheTerminal(t *testing.T) {
	const hostile = "\x1b[2Jcleared\r"
	report := Report{
		Object: "hpa/web", Namespace: "shop", Unseen: []string{hostile},
		Sections: []Section{{
			Title: "Metric 1", Request: "/apis/" + hostile,
			Statements: []Statement{{Observed, "an event:\n" + hostile}},
			Members:    []Member{{VMI: "web-0", Reason: "stale", Text: hostile}},
		}},
	}
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.ContainsAny(got, "\x1b\r") || strings.Count(got, "[2Jcleared") != 4 {
		t.Errorf("got %q", got)
	}
}
