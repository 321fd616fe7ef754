package app

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

func TestTheLogIsBounded(t *testing.T) {
	text := func(level, place string) string {
		return level + "0701 12:00:00.000000       7 " + place + "] \"message\" err=\"] x.go:1] {\"\n"
	}
	object := func(place, level string) string {
		return `{"ts":1.5,"caller":"` + place + `","msg":"message"` + level + `,"request":{"v":["9"]}}` + "\n"
	}
	for _, test := range []struct {
		name     string
		withInfo bool
		entry    func(i int) string
		want     int // Of 1,000 entries.
	}{
		{"errors", true, func(int) string { return text("E", "a.go:1") }, logBurst},
		{"long errors", true, func(int) string { return text("E", "a.go:1") + strings.Repeat("x", logEntryBytes) }, logBurst / 2},
		{"errors that are too long", true, func(int) string { return text("E", "a.go:1") + strings.Repeat("x", logBurst*logEntryBytes) }, 0},
		{"warnings", true, func(int) string { return text("W", "a.go:1") }, logBurst},
		{"information", true, func(int) string { return text("I", "a.go:1") }, logBurst},
		{"information that was asked for", false, func(int) string { return text("I", "a.go:1") }, 1000},
		{"errors of two lines of code", true, func(i int) string { return text("E", fmt.Sprintf("a.go:%d", i%2)) }, 2 * logBurst},
		{"what is no entry", true, func(i int) string { return fmt.Sprintf("line%d\n", i) }, logBurst},
		{"errors as JSON", true, func(int) string { return object("a/a.go:1", "") }, logBurst},
		{"errors as JSON with other information", false, func(int) string { return object("a/a.go:1", "") }, logBurst},
		{"information as JSON", true, func(int) string { return object("a/a.go:1", `,"v":0`) }, logBurst},
		{"information as JSON that was asked for", false, func(int) string { return object("a/a.go:1", `,"v":4`) }, 1000},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
			var out bytes.Buffer
			limit := newLogLimit(test.withInfo, func() time.Time { return now })
			w := limit.writer(&out)
			for i := range 1000 {
				entry := test.entry(i)
				if n, err := w.Write([]byte(entry)); n != len(entry) || err != nil {
					t.Fatalf("wrote %d of %d bytes: %v", n, len(entry), err)
				}
			}
			if got := strings.Count(out.String(), "\n"); got != test.want {
				t.Errorf("%d entries were written, want %d", got, test.want)
			}
		})
	}
}

func TestTheLogSaysHowMuchItLacks(t *testing.T) {
	for _, test := range []struct{ name, entry, want string }{
		{
			"text",
			"E0701 12:00:00.000000       7 a.go:1] \"message\" a=1\n",
			"E0701 12:00:00.000000       7 a.go:1] \"message\" a=1 leftOut=5\n",
		},
		{
			"JSON",
			`{"ts":1.5,"caller":"a/a.go:1","msg":"message"}` + "\n",
			`{"ts":1.5,"caller":"a/a.go:1","msg":"message","leftOut":5}` + "\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
			var out bytes.Buffer
			limit := newLogLimit(true, func() time.Time { return now })
			w := limit.writer(&out)
			write := func(entries int) string {
				out.Reset()
				for range entries {
					if _, err := w.Write([]byte(test.entry)); err != nil {
						t.Fatal(err)
					}
				}
				return out.String()
			}
			write(logBurst + 5)
			now = now.Add(logInterval)
			if diff := cmp.Diff(test.want, write(2)); diff != "" {
				t.Errorf("after an interval, -want +got:\n%s", diff)
			}
			now = now.Add(logBurst * logInterval)
			write(1)
			if diff := cmp.Diff(test.entry, write(1)); diff != "" {
				t.Errorf("when nothing was left out, -want +got:\n%s", diff)
			}
		})
	}
}

// Without a flag only the pod's service account counts: client-go would warn, and
// then look for a cluster on this machine.
func TestWithoutAKubeconfigThePodsOwnIsMeant(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := clientConfig("")
	if !errors.Is(err, rest.ErrNotInCluster) || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("got %v", err)
	}
}
