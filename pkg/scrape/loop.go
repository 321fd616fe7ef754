package scrape

import (
	"context"
	"hash/fnv"
	"io"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// Status tells how the scrapes of a target went.
type Status struct {
	Succeeded   uint64             // Scrapes that gave a page.
	Failed      map[Outcome]uint64 // Scrapes that did not.
	LastSuccess time.Time          // Zero before the first one.
	Duration    time.Duration      // Of the last scrape.
	Err         error              // Of the last scrape, nil if it succeeded.
}

// A loop scrapes one target.
type loop struct {
	config *Config
	target Target
	page   PageFunc
	stop   context.CancelFunc

	mu     sync.Mutex
	status Status
}

// run scrapes until the context ends.
func (l *loop) run(ctx context.Context) {
	logger := klog.FromContext(ctx).WithValues("target", l.target.Name)
	ctx = klog.NewContext(ctx, logger)
	now := time.Now()
	next := now.Add(phase(l.target.Name, l.config.Replica, now, l.config.Interval))
	timer := time.NewTimer(next.Sub(now))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		l.scrape(ctx)
		// A scrape that took too long leaves out what it missed and keeps the phase.
		for now = time.Now(); !next.After(now); {
			next = next.Add(l.config.Interval)
		}
		timer.Reset(next.Sub(now))
	}
}

// phase returns how long after now a target's next scrape is due. Targets are
// spread evenly over the interval, and a target keeps its phase over restarts.
// The hash ends with the target: of two inputs that differ in their last byte
// alone, FNV's values differ by nearly the same amount always, and two such
// replicas would meet either everywhere or nowhere.
func phase(target, replica string, now time.Time, interval time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = io.WriteString(h, replica+"\x00"+target)
	due := time.Duration(h.Sum64() % uint64(interval))
	since := time.Duration(now.UnixNano() % int64(interval))
	if due < since {
		due += interval
	}
	return due - since
}

func (l *loop) scrape(ctx context.Context) {
	scrapeCtx, cancel := context.WithTimeout(ctx, l.config.Timeout)
	defer cancel()
	start := time.Now()
	err := l.config.fetch(scrapeCtx, l.target.URL, l.page)
	if ctx.Err() != nil {
		return // We are stopping; the target is not to blame.
	}
	l.record(ctx, start, time.Since(start), err)
}

func (l *loop) record(ctx context.Context, start time.Time, took time.Duration, err error) {
	l.mu.Lock()
	before := l.status
	l.status.Duration, l.status.Err = took, err
	if err == nil {
		l.status.Succeeded++
		l.status.LastSuccess = start
	} else {
		failed := make(map[Outcome]uint64, len(before.Failed)+1)
		for outcome, n := range before.Failed {
			failed[outcome] = n
		}
		failed[outcomeOf(err)]++
		l.status.Failed = failed
	}
	l.mu.Unlock()

	logger := klog.FromContext(ctx)
	logger.V(4).Info("Scraped", "took", took, "err", err)
	switch {
	case err != nil && (before.Err == nil || outcomeOf(before.Err) != outcomeOf(err)):
		logger.Error(err, "Scrapes fail from now on", "took", took)
	case err == nil && before.Err != nil:
		logger.Info("Scrapes succeed again", "took", took)
	}
}

func (l *loop) snapshot() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}
