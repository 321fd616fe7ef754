package app

import (
	"fmt"
	"strings"
	"sync"

	"guest-metrics-server/pkg/scrape"
)

// readiness says when answers can be given: once everything has been read from
// the API and each node has been tried twice, since a rate needs two samples.
// Dead nodes do not hold it up, nor does it wait for nodes where there are none,
// and once true it stays: a server that is not ready takes the API's discovery
// down with it.
type readiness struct {
	missing func() []string // What has not been read from the API.
	targets func() []scrape.Target
	status  func(target string) (scrape.Status, bool)

	mu    sync.Mutex
	ready bool
}

func (r *readiness) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ready {
		return nil
	}
	if missing := r.missing(); len(missing) > 0 {
		return fmt.Errorf("waiting for the Kubernetes API to tell of %s", strings.Join(missing, ", "))
	}
	targets := r.targets()
	waiting := 0
	for _, t := range targets {
		if s, ok := r.status(t.Name); !ok || tries(s) < 2 {
			waiting++
		}
	}
	if waiting > 0 {
		return fmt.Errorf("waiting for the first two scrapes of %d of %d nodes", waiting, len(targets))
	}
	r.ready = true
	return nil
}

func tries(s scrape.Status) uint64 {
	n := s.Succeeded
	for _, failed := range s.Failed {
		n += failed
	}
	return n
}
