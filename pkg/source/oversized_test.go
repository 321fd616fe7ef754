package source

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"guest-metrics-server/pkg/exposition"
)

// longLine is a line of a VMI that is too long to be read.
func longLine(series, name string) string {
	return fmt.Sprintf("%s{kubernetes_vmi_label_a=%q,name=%q,namespace=\"ns\"} 1\n", series, strings.Repeat("x", exposition.MaxLineBytes), name)
}

func TestOversizedVMIs(t *testing.T) {
	const seconds, delay = "kubevirt_vmi_vcpu_seconds_total", "kubevirt_vmi_vcpu_delay_seconds_total"
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(2), ktesting.BufferLogs(true)))
	logs := logger.GetSink().(ktesting.Underlier).GetBuffer()
	w := newWorld()
	w.put("a", "uid-a", "n1", false)
	w.put("b", "uid-b", "n1", false)
	w.put("elsewhere", "uid-c", "n2", false)
	take, at := w.decoder("n1"), noon
	read := func(response string) {
		t.Helper()
		at = at.Add(15 * time.Second)
		if err := take(klog.NewContext(t.Context(), logger), at, strings.NewReader(response)); err != nil {
			t.Fatal(err)
		}
	}
	// tooLarge renders what is too large, of any series and of vCPUs' seconds.
	tooLarge := func() string {
		var out []string
		for _, name := range []string{"a", "b", "elsewhere"} {
			v := w.store.VMI("ns", name)
			_, anything := w.tooLarge(v, "")
			_, ofSeconds := w.tooLarge(v, seconds)
			if anything {
				out = append(out, fmt.Sprintf("%s %v", name, ofSeconds))
			}
		}
		return strings.Join(out, ", ")
	}
	for _, step := range []struct {
		what, response, want string
		count                int
		logged               int // Lines so far.
	}{
		{"none", line("a", 1) + line("b", 1), "", 0, 0},
		{"one, whose neighbour is read", longLine(seconds, "a") + line("b", 2), "a true", 1, 1},
		{"it stays", longLine(delay, "a") + longLine(seconds, "a") + line("b", 3), "a true", 1, 1},
		{"another series of it", longLine(delay, "a") + line("a", 4), "a false", 1, 1},
		{"another VMI", line("a", 5) + longLine(seconds, "b"), "b true", 1, 2},
		{"a VMI of another node, and one that is not known", longLine(seconds, "elsewhere") + longLine(seconds, "unknown"), "", 0, 2},
		{"none again", line("a", 6), "", 0, 2},
		{"one once more", longLine(seconds, "a"), "a true", 1, 3},
	} {
		read(step.response)
		if diff := cmp.Diff(step.want, tooLarge()); diff != "" {
			t.Errorf("%s, -want +got:\n%s", step.what, diff)
		}
		if got := w.oversized.count(); got != step.count {
			t.Errorf("%s: %v VMIs are counted, want %v", step.what, got, step.count)
		}
		if got := strings.Count(logs.String(), "too large to be read"); got != step.logged {
			t.Errorf("%s: %d lines were logged, want %d:\n%s", step.what, got, step.logged, logs.String())
		}
	}
	w.put("a", "uid-a", "n2", false)
	if got := tooLarge(); got != "" {
		t.Errorf("a VMI that moved is too large by the node that it left: %s", got)
	}
	w.put("a", "uid-a", "n1", false)
	w.store.DeleteVMI("ns", "a")
	w.Prune()
	w.put("a", "uid-a", "n1", false)
	if got := tooLarge(); got != "" {
		t.Errorf("a VMI that is gone is still there: %s", got)
	}
}
