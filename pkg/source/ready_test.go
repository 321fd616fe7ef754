package source

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

func TestVirtHandlersAreReadyWhenEachWasTriedTwice(t *testing.T) {
	type statuses map[string]scrape.Status
	for _, test := range []struct {
		name     string
		nodes    []string
		statuses statuses
		want     string
	}{
		{"no node has been tried", []string{"n1", "n2"}, nil, "waiting for the first two scrapes of 2 of 2 nodes"},
		{"one node has been tried once", []string{"n1", "n2"}, statuses{"n1": {Succeeded: 2}, "n2": {Succeeded: 1}}, "waiting for the first two scrapes of 1 of 2 nodes"},
		{"each node has been tried twice", []string{"n1", "n2"}, statuses{"n1": {Succeeded: 2}, "n2": {Succeeded: 3}}, ""},
		{"a dead node holds nothing up", []string{"n1", "n2"}, statuses{"n1": {Succeeded: 2}, "n2": {Failed: map[scrape.Outcome]uint64{scrape.Timeout: 2}}}, ""},
		{"there is no node", nil, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.kubevirt.Set("kubevirt", nil)
			for _, node := range test.nodes {
				w.kubevirt.PutPod(inventory.Pod{
					Meta: inventory.Meta{
						Namespace: "kubevirt", Name: "virt-handler-" + node, UID: types.UID(node),
					},
					Node: node, Phase: "Running", IP: "192.0.2.1",
				})
			}
			w.status = func(name string) (scrape.Status, bool) {
				s, ok := test.statuses[name]
				return s, ok
			}
			got := ""
			if err := w.Ready(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
