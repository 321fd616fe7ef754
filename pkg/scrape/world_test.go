package scrape

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

const (
	interval = 15 * time.Second
	timeout  = 13 * time.Second
)

// world is a fleet of targets without a network, for use in a synctest bubble:
// its clock jumps to the next event, so that rounds of scrapes take no time. A
// target's name is the host of its URL.
type world struct {
	answers map[string]answer // By the host; "response" where there is none.

	mu     sync.Mutex
	visits map[string][]time.Time // By the host.
}

// An answer is what a target does when it is visited for the nth time, from 1 on.
type answer func(r *http.Request, n int) (*http.Response, error)

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Host
	w.mu.Lock()
	w.visits[host] = append(w.visits[host], time.Now())
	n := len(w.visits[host])
	w.mu.Unlock()
	if a, ok := w.answers[host]; ok {
		return a(r, n)
	}
	return healthy(r, n)
}

func (w *world) visitsOf(host string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.visits[host])
}

// gaps returns the times between the visits of a host.
func (w *world) gaps(host string) []time.Duration {
	var gaps []time.Duration
	visits := w.visitsOf(host)
	for i := 1; i < len(visits); i++ {
		gaps = append(gaps, visits[i].Sub(visits[i-1]))
	}
	return gaps
}

func respond(code int, body io.Reader) (*http.Response, error) {
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{}, Body: io.NopCloser(body)}, nil
}

func healthy(*http.Request, int) (*http.Response, error) {
	return respond(http.StatusOK, strings.NewReader("response"))
}

func busy(*http.Request, int) (*http.Response, error) {
	return respond(http.StatusServiceUnavailable, http.NoBody)
}

func hang(r *http.Request, _ int) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// takes answers after a time.
func takes(d time.Duration) answer {
	return func(r *http.Request, n int) (*http.Response, error) {
		select {
		case <-time.After(d):
			return healthy(r, n)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// fleet is a running Pool in the world.
type fleet struct {
	*world
	*Scraper[Target]
	targets map[string]string // What the Scraper gets: URL by name.
	changed chan struct{}
	stop    func() // Returns when the Pool has ended.
}

// start runs a Pool over targets that are named like their hosts.
func start(ctx context.Context, answers map[string]answer, change func(*Config[Target])) *fleet {
	w := &world{answers: answers, visits: make(map[string][]time.Time)}
	config := Config[Target]{
		Settings: Settings{
			Interval:    interval,
			Timeout:     timeout,
			MaxBytes:    1 << 20,
			BusyRetries: 4,
			BusyMeans:   "others hold all slots",
			Replica:     "replica-a",
		},
		Target:  func(t Target) Target { return t },
		Client:  func(Target) *http.Client { return &http.Client{Transport: w} },
		Decoder: func(Target) DecodeFunc { return readAll },
	}
	if change != nil {
		change(&config)
	}
	f := &fleet{world: w, Scraper: New(config), targets: make(map[string]string), changed: make(chan struct{})}
	for name := range answers {
		f.targets[name] = "http://" + name
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx, f.list, f.changed)
	}()
	f.stop = func() {
		cancel()
		<-ended
	}
	synctest.Wait()
	return f
}

func (f *fleet) list() []Target {
	var targets []Target
	for _, name := range slices.Sorted(maps.Keys(f.targets)) {
		group, _, _ := strings.Cut(name, "-")
		targets = append(targets, Target{Name: name, Group: group, URL: f.targets[name]})
	}
	return targets
}

// pass lets time pass on the bubble's clock.
func (f *fleet) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// update tells the Scraper that its targets have changed.
func (f *fleet) update() {
	f.changed <- struct{}{}
	synctest.Wait()
}

func readAll(_ context.Context, _ time.Time, r io.Reader) error {
	text, err := io.ReadAll(r)
	if err == nil && string(text) != "response" {
		err = errors.New("this is not the response")
	}
	return err
}
