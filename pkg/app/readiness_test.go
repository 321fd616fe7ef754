package app

import (
	"errors"
	"testing"
)

// A waiting source is ready when its error is nil.
type waiting struct {
	dataSource
	err error
}

func (w waiting) Ready() error { return w.err }

func TestReadiness(t *testing.T) {
	nodes := errors.New("waiting for the first two scrapes of 2 of 2 nodes")
	for _, test := range []struct {
		name    string
		missing []string
		sources []dataSource
		want    string
	}{
		{"not all is listed", []string{"pods", "services"}, []dataSource{waiting{err: nodes}}, "waiting for the Kubernetes API to list pods, services"},
		{"a source is not ready", nil, []dataSource{waiting{}, waiting{err: nodes}}, nodes.Error()},
		{"all is ready", nil, []dataSource{waiting{}, waiting{}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &readiness{missing: func() []string { return test.missing }, sources: test.sources}
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
	r := &readiness{missing: func() []string { return missing }}
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
	missing = []string{"pods"}
	if err := r.check(); err != nil {
		t.Errorf("not ready any more: %v", err)
	}
}
