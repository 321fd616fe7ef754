package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

func TestTargets(t *testing.T) {
	w := newWorld()
	w.kubevirt.Set("kubevirt", nil)
	for _, node := range []string{"n2", "n1", "n3"} {
		w.kubevirt.PutPod(inventory.Pod{
			Meta: inventory.Meta{Namespace: "kubevirt", Name: "virt-handler-" + node}, Node: node, Phase: "Running", IP: "192.0.2." + node[1:],
		})
	}
	refused := errors.New("dial: connection refused")
	w.status = func(node string) (scrape.Status, bool) {
		switch node {
		case "n1":
			return scrape.Status{Succeeded: 3, Last: noon, LastSuccess: noon, Duration: time.Second}, true
		case "n2":
			failed := map[scrape.Outcome]uint64{"connect": 1}
			return scrape.Status{Succeeded: 1, Failed: failed, Last: noon, LastSuccess: noon.Add(-time.Minute), Duration: 2 * time.Second, Err: refused}, true
		default:
			return scrape.Status{}, true
		}
	}
	for node, text := range map[string]string{
		"n1": line("a", 1) + line("b", 1) + "kubevirt_vmi_vcpu_seconds_total{oops\n" + labelled("c", 300_000),
		"n2": line("d", 1),
	} {
		if err := w.decoder(node)(t.Context(), noon, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"n1 https://192.0.2.1:8443/metrics tried true, last 0s ago in 1s, success 0s ago: 2 VMIs, <nil>; " +
			"1 lines could not be read, the first: *; 1 kinds of series were too large to be read, the first of ns/c: virt-handler's response has a line of *",
		"n2 https://192.0.2.2:8443/metrics tried true, last 0s ago in 2s, success 1m0s ago: 1 VMIs, dial: connection refused; <nil>",
		"n3 https://192.0.2.3:8443/metrics tried false: 0 VMIs, <nil>; <nil>",
	}
	if diff := cmp.Diff(want, w.targets()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	w.kubevirt.DeletePod("kubevirt", "virt-handler-n1")
	w.Prune()
	if diff := cmp.Diff(want[1:], w.targets()); diff != "" || len(w.responses.ofNode) != 1 {
		t.Errorf("%d responses are kept without node n1, -want +got:\n%s", len(w.responses.ofNode), diff)
	}
}

// targets renders the status of each target. What depends on wording elsewhere
// becomes "*".
func (w *world) targets() []string {
	var out []string
	for _, s := range w.Targets() {
		text := fmt.Sprintf("%s %s tried %t", s.Node, s.URL, s.Tried)
		if s.Tried {
			text += fmt.Sprintf(", last %s ago in %s, success %s ago", noon.Sub(s.Last), s.Duration, noon.Sub(s.LastSuccess))
		}
		partly := fmt.Sprint(s.Partly)
		if first, second, ok := strings.Cut(partly, "\n"); ok {
			before, _, _ := strings.Cut(first, "the first: ")
			after, _, _ := strings.Cut(second, "a line of ")
			partly = before + "the first: *; " + after + "a line of *"
		}
		out = append(out, text+fmt.Sprintf(": %d VMIs, %v; %s", s.VMIs, s.Err, partly))
	}
	return out
}

// labelled is a line that is longer than is read.
func labelled(name string, bytes int) string {
	return fmt.Sprintf("kubevirt_vmi_vcpu_seconds_total{id=\"0\",label=%q,namespace=\"ns\",name=%q} 1\n", strings.Repeat("x", bytes), name)
}
