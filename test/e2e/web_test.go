//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"guest-metrics-server/test/web"
)

const (
	requests    = "guest_http_requests_per_second"
	connections = "guest_http_active_connections"
)

// statusPage is the annotations that tell where the web servers of a kind have
// their status pages.
func statusPage(kind web.Kind) string {
	return fmt.Sprintf("guestmetrics.io/http-port: %q, guestmetrics.io/http-path: %q", web.StatusPort, kind.StatusPath())
}

// clients are requests to web servers in guests.
type clients struct {
	*web.Load
	servers *web.Guests
}

// serve runs a web server in each guest that the selector finds, and its clients,
// until the test ends. They send no requests before SetRate.
func serve(t *testing.T, namespace, selector string, kind web.Kind) clients {
	t.Helper()
	root, err := web.Unpack(t.Context(), t.Logf, kind)
	if err != nil {
		t.Fatal(err)
	}
	c := clients{Load: web.NewLoad()}
	c.servers, err = web.NewGuests(cluster.RESTConfig(), c.Load, web.GuestsOptions{
		Namespace: namespace, Selector: selector, Kind: kind, Root: root, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	running.Go(func() { c.Run(ctx) })
	running.Go(func() {
		if err := c.servers.Run(ctx); err != nil {
			t.Errorf("the web servers of %s: %v", selector, err)
		}
	})
	return c
}
