package app

import (
	"testing"

	"guest-metrics-server/pkg/scrape"
)

func TestReadiness(t *testing.T) {
	type statuses map[string]scrape.Status
	for _, test := range []struct {
		name     string
		missing  []string
		statuses statuses // Of the nodes n1 and n2.
		nodes    int
		want     string
	}{
		{"the API has not told everything", []string{"pods", "services"}, nil, 0, "waiting for the Kubernetes API to tell of pods, services"},
		{"no node has been tried", nil, nil, 2, "waiting for the first two scrapes of 2 of 2 nodes"},
		{"one node has been tried once", nil, statuses{"n1": {Succeeded: 2}, "n2": {Succeeded: 1}}, 2, "waiting for the first two scrapes of 1 of 2 nodes"},
		{"each node has been tried twice", nil, statuses{"n1": {Succeeded: 2}, "n2": {Succeeded: 3}}, 2, ""},
		{"a dead node holds nothing up", nil, statuses{"n1": {Succeeded: 2}, "n2": {Failed: map[scrape.Outcome]uint64{scrape.Timeout: 2}}}, 2, ""},
		{"there is no node", nil, nil, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &readiness{
				missing: func() []string { return test.missing },
				targets: func() []scrape.Target { return []scrape.Target{{Name: "n1"}, {Name: "n2"}}[:test.nodes] },
				status: func(name string) (scrape.Status, bool) {
					s, ok := test.statuses[name]
					return s, ok
				},
			}
			got := ""
			if err := r.check(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestReadinessStays(t *testing.T) {
	missing := []string{}
	r := &readiness{missing: func() []string { return missing }, targets: func() []scrape.Target { return nil }}
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
	missing = []string{"pods"}
	if err := r.check(); err != nil {
		t.Errorf("not ready any more: %v", err)
	}
}
