//go:build e2e

package hpalive

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/explain"
)

// explanations are what kubectl guest-metrics explain said of HPAs.
type explanations struct {
	clients *client.Clients
	mu      sync.Mutex
	fresh   map[string]explain.Report // before the controller's first sync, by the HPA's name
}

func newExplanations(t *testing.T) *explanations {
	t.Helper()
	config := cluster.RESTConfig()
	config.QPS = -1 // Requests are limited by the number of workers.
	clients, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return &explanations{clients: clients, fresh: make(map[string]explain.Report)}
}

// explain explains an HPA as it is in the cluster.
func (e *explanations) explain(ctx context.Context, namespace, name string) (*explain.Snapshot, explain.Report, error) {
	collector := &explain.Collector{Clients: e.clients, Now: time.Now, Controller: func(int) hpa.Controller { return controller() }}
	s, err := collector.HPA(ctx, namespace, name)
	if err != nil {
		return nil, explain.Report{}, err
	}
	report := explain.HPA(s)
	if report.Decision == nil {
		return nil, report, fmt.Errorf("nothing was decided of hpa/%s: %q", name, report.Unseen)
	}
	return s, report, nil
}

// begin explains an HPA that was just made, of a target with so many replicas. The controller syncs it for the first
// time a period later; where it was quicker, there is nothing to foretell.
func (e *explanations) begin(ctx context.Context, namespace, name string, replicas int32) error {
	s, report, err := e.explain(ctx, namespace, name)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// The controller scales the target before it writes the HPA's status.
	if len(s.HPA.Status.Conditions) == 0 && s.Target.SpecReplicas == replicas {
		e.fresh[name] = report
	}
	return nil
}

// compareFresh compares what was foretold of an HPA's first sync with its outcome.
func (e *explanations) compareFresh(t *testing.T, name string, first outcome) {
	t.Helper()
	report, ok := e.fresh[name]
	if want := chosen(first); ok && report.Decision.Desired != want {
		t.Errorf("explain hpa/%s names %d replicas, the controller chose %d:\n%s", name, report.Decision.Desired, want, text(t, report))
	}
}

// chosen is how many replicas a sync chose. One that fails leaves them, and says
// nothing of what it wants.
func chosen(o outcome) int32 {
	if strings.HasPrefix(o.Active, "False: Failed") {
		return o.Current
	}
	return o.Desired
}

// compareAtRest explains HPAs that the controller leaves as they are, and returns
// of how many of them that is foretold.
func (e *explanations) compareAtRest(t *testing.T, w world, wants []drawn) (foretold int) {
	t.Helper()
	var mu sync.Mutex
	w.each(t, wants, func(ctx context.Context, d drawn) error {
		s, report, err := e.explain(ctx, w.namespace, d.name)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if report.Decision.Desired == s.Target.SpecReplicas {
			foretold++
			return nil
		}
		t.Logf("hpa/%s rests:\n%s", d.name, text(t, report))
		return nil
	})
	return foretold
}

func text(t *testing.T, report explain.Report) string {
	t.Helper()
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
