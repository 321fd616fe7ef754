package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	requestTimeout = 5 * time.Second

	// maxUnderWay is the number of requests that may wait for their answers. At
	// 400 requests per second it is reached when all servers hang for 0.6 s.
	maxUnderWay = 256

	// maxLate is how far the requests may be behind, as on a busy machine. Up to
	// then those that were missed are sent at once; beyond it they are left out.
	maxLate = 250 * time.Millisecond
)

// Load is the requests of clients: as many per second as SetRate says, evenly
// spaced, to each of the addresses of SetTargets in turn. Both may be called at
// any time, Run sends the requests meanwhile, and what was answered is counted
// for each address. It keeps the time of every answer: 8 bytes, 12 MB for an hour
// of 400 requests per second.
type Load struct {
	client  *http.Client
	began   time.Time
	slots   chan struct{} // One for each request under way.
	changed chan struct{} // Wakes up Run.

	mu      sync.Mutex
	rate    float64
	targets []string
	next    int
	counts  map[string]*count
	unsent  int
}

// NewLoad returns a Load of nothing.
func NewLoad() *Load {
	return newLoad(&http.Transport{
		MaxIdleConnsPerHost: maxUnderWay,
		IdleConnTimeout:     requestTimeout, // Less than any server's, so that it is always us who close.
	})
}

func newLoad(transport http.RoundTripper) *Load {
	return &Load{
		client:  &http.Client{Transport: transport, Timeout: requestTimeout},
		began:   time.Now(),
		slots:   make(chan struct{}, maxUnderWay),
		changed: make(chan struct{}, 1),
		counts:  map[string]*count{},
	}
}

// SetRate changes the number of requests per second, of all addresses together.
func (l *Load) SetRate(perSecond float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = perSecond
	l.wake()
}

// Rate returns the number of requests per second, of all addresses together.
func (l *Load) Rate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}

// SetTargets changes the addresses, each with its port, that the requests go to.
// While there is none, no request is sent.
func (l *Load) SetTargets(addresses ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.targets = slices.Clone(addresses)
	l.wake()
}

// Targets returns the addresses that the requests go to.
func (l *Load) Targets() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.targets)
}

// wake is called with the lock held.
func (l *Load) wake() {
	select {
	case l.changed <- struct{}{}:
	default: // It has not looked at the last change yet.
	}
}

// Run sends requests until the context ends, and returns when the last is
// answered or has timed out. It may be called once.
func (l *Load) Run(ctx context.Context) {
	var underWay sync.WaitGroup
	defer l.client.CloseIdleConnections()
	defer underWay.Wait()
	last := time.Now()
	for {
		interval := l.interval()
		var due <-chan time.Time // Never, while there is nothing to send.
		if interval > 0 {
			due = time.After(time.Until(last.Add(interval)))
		}
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
			if interval == 0 {
				last = time.Now()
			}
			continue
		case <-due:
		}
		last = last.Add(interval)
		if time.Since(last) > maxLate {
			last = time.Now()
		}
		l.send(context.WithoutCancel(ctx), &underWay)
	}
}

// interval returns the time between two requests, 0 while there are none.
func (l *Load) interval() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate <= 0 || len(l.targets) == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / l.rate)
}

// send lets the next target have a request, without waiting for its answer.
func (l *Load) send(ctx context.Context, underWay *sync.WaitGroup) {
	address, ok := l.turn()
	if !ok {
		return // The last target has gone just now.
	}
	select {
	case l.slots <- struct{}{}:
	default:
		l.mu.Lock()
		l.unsent++
		l.mu.Unlock()
		return
	}
	underWay.Go(func() {
		defer func() { <-l.slots }()
		l.count(address, l.get(ctx, address))
	})
}

// turn returns the target whose turn it is.
func (l *Load) turn() (address string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.targets) == 0 {
		return "", false
	}
	l.next = (l.next + 1) % len(l.targets)
	return l.targets[l.next], true
}

func (l *Load) get(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}
