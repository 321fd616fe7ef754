package app

import (
	"fmt"
	"strings"
	"sync"
)

// readiness says when answers can be given: once everything has been read from
// the API and the sources are ready. Once true it stays: a server that is not
// ready takes the API's discovery down with it.
type readiness struct {
	missing func() []string // What has not been read from the API.
	sources []dataSource

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
		return fmt.Errorf("waiting for the Kubernetes API to list %s", strings.Join(missing, ", "))
	}
	for _, s := range r.sources {
		if err := s.Ready(); err != nil {
			return err
		}
	}
	r.ready = true
	return nil
}
