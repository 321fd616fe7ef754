package scrape

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Target is a page to fetch, again and again.
type Target struct {
	Name  string // Unique among the targets, such as the node's name.
	URL   string
	Group string // Targets of a group share a part of Config.Places, such as a namespace's.
	Host  string // What to ask for in the Host header, the URL's where empty.
	Spec  any    // Whatever Pages and Client want to know; comparable.
}

// A PageFunc decodes the page of a target, which was asked for at the given
// time. It reads the page to its end; an error means that nothing of the page
// was used. It is called for one page of a target at a time.
type PageFunc func(ctx context.Context, at time.Time, page io.Reader) error

// Config says how to scrape.
type Config struct {
	Interval time.Duration // Between two scrapes of a target.
	Timeout  time.Duration // For one scrape with its retries.
	MaxBytes int64         // Of a response, compressed and decompressed. No more than a few MiB are held in memory.
	Gzip     bool          // Ask for compressed responses.

	// Places bounds how many scrapes run at a time, 0 for no bound. There are
	// as many for slow targets again, and a group has a quarter: see lanes.
	Places int

	// BusyRetries is how often a target that answers 503 is asked again.
	BusyRetries int

	// Verbosity is that of the log's lines about single targets. Failures are
	// errors when it is 0.
	Verbosity int

	// Replica is this process's own name among its replicas, so that they do
	// not visit a target at the same moment.
	Replica string

	// Client returns what a new target is fetched with.
	Client func(Target) *http.Client
	// Pages returns what decodes the pages of a new target.
	Pages func(Target) PageFunc
	// Done, where there is one, is told of each scrape.
	Done func(Outcome, time.Duration)
}

// Pool scrapes a changing set of targets, each in a goroutine of its own, so
// that a slow or dead target delays no other. Call Run once; Status and the
// methods of prometheus.Collector at any time.
type Pool struct {
	config Config
	lanes  lanes

	mu    sync.Mutex
	loops map[string]*loop
}

// NewPool returns a Pool without targets.
func NewPool(config Config) *Pool {
	return &Pool{config: config, lanes: newLanes(config.Places), loops: make(map[string]*loop)}
}

// Run scrapes what targets returns until the context ends; it asks again each
// time that changed has a value, but not more often than once a second.
func (p *Pool) Run(ctx context.Context, targets func() []Target, changed <-chan struct{}) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		p.sync(ctx, &running, targets())
		select {
		case <-ctx.Done():
			return
		case <-time.After(minSyncPause):
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// minSyncPause is what a storm of changes is gathered for.
const minSyncPause = time.Second

// sync starts the loops of new targets and stops those of gone ones.
func (p *Pool) sync(ctx context.Context, running *sync.WaitGroup, targets []Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := make(map[string]Target, len(targets))
	for _, t := range targets {
		wanted[t.Name] = t
	}
	for name, l := range p.loops {
		if wanted[name] != l.target {
			l.stop()
			delete(p.loops, name)
		}
	}
	for name, t := range wanted {
		if _, ok := p.loops[name]; ok {
			continue
		}
		loopCtx, stop := context.WithCancel(ctx)
		l := &loop{config: &p.config, lanes: p.lanes, target: t, client: p.config.Client(t), page: p.config.Pages(t), stop: stop}
		p.loops[name] = l
		running.Go(func() { l.run(loopCtx) })
	}
}

// Status tells how the scrapes of a target went, false if there is none of the
// name.
func (p *Pool) Status(name string) (Status, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.loops[name]
	if !ok {
		return Status{}, false
	}
	return l.snapshot(), true
}

// Statuses returns the status of each target, by its name.
func (p *Pool) Statuses() map[string]Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	statuses := make(map[string]Status, len(p.loops))
	for name, l := range p.loops {
		statuses[name] = l.snapshot()
	}
	return statuses
}
