package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"guest-metrics-server/test/debian"
	"guest-metrics-server/test/web"
)

const (
	requestsPool = "fedora-nginx-http"
	calm, rush   = 60, 360 // Requests per second.

	// answeredSpan is what the requests of a guest are counted over, for show.
	answeredSpan = 2 * time.Second
)

// requests are those of clients to real web servers that stand for the guests'.
type requests struct {
	load    *web.Load
	servers *web.Guests
}

func newRequests(config *rest.Config, nginx *debian.Root, dir string) (*requests, error) {
	load := web.NewLoad()
	servers, err := web.NewGuests(config, load, web.GuestsOptions{
		Namespace: namespace, Selector: selectorOf(requestsPool), Kind: web.Nginx, Root: nginx, Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	return &requests{load, servers}, nil
}

// run sends requests and keeps the servers until the context ends.
func (r *requests) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	sending.Go(func() { r.load.Run(ctx) })
	return r.servers.Run(ctx)
}

func (r *requests) Set(perSecond float64) { r.load.SetRate(perSecond) }

func (r *requests) Guests(context.Context) ([]guest, error) {
	now := time.Now()
	var guests []guest
	for _, server := range r.servers.List() {
		answered := r.load.Answered(server.Site, now.Add(-answeredSpan), now)
		guests = append(guests, guest{name: server.VMI, node: server.Node, does: float64(answered) / answeredSpan.Seconds()})
	}
	return guests, nil
}

// scaleOnRequests plays the second act, and returns its metric.
func (d *demo) scaleOnRequests(ctx context.Context, r *requests) (metric string, err error) {
	a := act{
		title:    "act 2: the stock HPA scales a VirtualMachinePool on the guests' HTTP requests",
		truth:    "Real: nginx and its counter, the requests, the HPA, virt-controller. Not real: the VM around each nginx, a process at the launcher pod's address.",
		manifest: "test/demo/requests",
		pool:     requestsPool,
		metric:   "guest_http_requests_per_second",
		unit:     "/s",
		full:     rush / startSize,
		load:     r,
		steps: []step{
			{fmt.Sprintf("1/3 the guests boot and warm up, with %d requests per second", calm), calm, observation.started},
			{fmt.Sprintf("2/3 %d requests per second: more than the target for two guests", rush), rush, observation.grown},
			{fmt.Sprintf("3/3 %d requests per second again", calm), calm, observation.shrunk},
		},
	}
	return a.metric, d.play(ctx, a)
}
