package scrape

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Target is an address to scrape, again and again.
type Target struct {
	Name  string // Unique among the targets, such as the node's name.
	URL   string
	Group string // Targets of a group share a part of Settings.Slots, such as a namespace's.
	Host  string // The Host header, the URL's host where empty.
}

// A DecodeFunc takes in a response of a target, which was asked for at the given
// time. It reads the response to its end; an error means that nothing of it was
// used. It is called for one response of a target at a time.
type DecodeFunc func(ctx context.Context, at time.Time, response io.Reader) error

// Settings say how to scrape.
type Settings struct {
	Interval time.Duration // Between two scrapes of a target.
	Timeout  time.Duration // For one scrape with its retries.
	MaxBytes int64         // Of a response, compressed and decompressed. No more than a few MiB are held in memory.
	Gzip     bool          // Ask for compressed responses.

	// Slots bounds how many scrapes run at a time, 0 for no bound. There are
	// as many for slow targets again, and a group has a quarter: see lanes.
	Slots int

	// BusyRetries is how often a target that answers 503 is asked again, and
	// BusyMeans is what the error of one that stays busy says.
	BusyRetries int
	BusyMeans   string

	// Verbosity is that of the log's lines about single targets. Failures are
	// errors when it is 0.
	Verbosity int

	// Replica is this process's own name among its replicas, so that they do
	// not scrape a target at the same moment.
	Replica string

	// Done, where there is one, is called after each scrape.
	Done func(Outcome, time.Duration)
}

// Config says what to scrape and how. Ts are what the targets are made of.
type Config[T comparable] struct {
	Settings
	Target  func(T) Target
	Client  func(T) *http.Client // What a new target is fetched with.
	Decoder func(T) DecodeFunc   // What decodes the responses of a new target.
}

// Scraper scrapes a changing set of targets, each in a goroutine of its own, so
// that a slow or dead target delays no other. Call Run once; Status and the
// methods of prometheus.Collector at any time.
type Scraper[T comparable] struct {
	config        Config[T]
	lanes         lanes
	decompression decompression

	mu    sync.Mutex
	loops map[string]running[T]
}

// running is a loop with what its target was made of.
type running[T comparable] struct {
	*loop
	of T
}

// New returns a Scraper without targets.
func New[T comparable](config Config[T]) *Scraper[T] {
	return &Scraper[T]{config: config, lanes: newLanes(config.Slots), decompression: newDecompression(), loops: make(map[string]running[T])}
}

// Run scrapes what targets returns until the context ends; it asks again each
// time that changed has a value, but not more often than once a second.
func (s *Scraper[T]) Run(ctx context.Context, targets func() []T, changed <-chan struct{}) {
	var loops sync.WaitGroup
	defer loops.Wait()
	for {
		s.sync(ctx, &loops, targets())
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
func (s *Scraper[T]) sync(ctx context.Context, loops *sync.WaitGroup, targets []T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := make(map[string]T, len(targets))
	for _, t := range targets {
		wanted[s.config.Target(t).Name] = t
	}
	for name, l := range s.loops {
		if t, ok := wanted[name]; !ok || t != l.of {
			l.stop()
			delete(s.loops, name)
		}
	}
	for name, t := range wanted {
		if _, ok := s.loops[name]; ok {
			continue
		}
		loopCtx, stop := context.WithCancel(ctx)
		l := &loop{
			settings: &s.config.Settings, lanes: s.lanes, decompression: s.decompression, target: s.config.Target(t),
			client: s.config.Client(t), decode: s.config.Decoder(t), stop: stop,
		}
		s.loops[name] = running[T]{l, t}
		loops.Go(func() { l.run(loopCtx) })
	}
}

// Status returns how the scrapes of a target went, false if there is none of the
// name.
func (s *Scraper[T]) Status(name string) (Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.loops[name]
	if !ok {
		return Status{}, false
	}
	return l.snapshot(), true
}

// Statuses returns the status of each target, by its name.
func (s *Scraper[T]) Statuses() map[string]Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	statuses := make(map[string]Status, len(s.loops))
	for name, l := range s.loops {
		statuses[name] = l.snapshot()
	}
	return statuses
}
