package scrape

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// Status says how the scrapes of a target went.
type Status struct {
	Succeeded   uint64             // Scrapes that gave a response.
	Failed      map[Outcome]uint64 // Scrapes that did not.
	Last        time.Time          // When the last scrape began, zero before it ended.
	LastSuccess time.Time          // When the last one that succeeded began, zero before it.
	Duration    time.Duration      // Of the last scrape.
	Err         error              // Of the last scrape, nil if it succeeded.
}

// Tries returns the number of scrapes, however they went.
func (s Status) Tries() uint64 {
	n := s.Succeeded
	for _, failed := range s.Failed {
		n += failed
	}
	return n
}

// A loop scrapes one target.
type loop struct {
	settings      *Settings
	lanes         lanes
	decompression decompression
	target        Target
	client        *http.Client
	decode        DecodeFunc
	stop          context.CancelFunc

	mu     sync.Mutex
	status Status
}

// run scrapes until the context ends.
func (l *loop) run(ctx context.Context) {
	logger := klog.FromContext(ctx).WithValues("target", l.target.Name)
	ctx = klog.NewContext(ctx, logger)
	now := time.Now()
	next := now.Add(phase(l.target.Name, l.settings.Replica, now, l.settings.Interval))
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
			next = next.Add(l.settings.Interval)
		}
		timer.Reset(next.Sub(now))
	}
}

// phase returns how long after now a target's next scrape is due. Targets are
// spread evenly over the interval, and a target keeps its phase over restarts.
// The hash mixes well, so that two replicas whose names are alike meet neither at
// all targets nor at none.
func phase(target, replica string, now time.Time, interval time.Duration) time.Duration {
	hash := sha256.Sum256([]byte(replica + "\x00" + target))
	due := time.Duration(binary.BigEndian.Uint64(hash[:8]) % uint64(interval))
	since := time.Duration(now.UnixNano() % int64(interval))
	if due < since {
		due += interval
	}
	return due - since
}

func (l *loop) scrape(ctx context.Context) {
	leave, err := l.lanes.enter(ctx, l.target.Group, l.slow(), l.settings.Interval)
	if err != nil {
		l.record(ctx, time.Now(), l.snapshot().Duration, err)
		return
	}
	defer leave()
	scrapeCtx, cancel := context.WithTimeout(ctx, l.settings.Timeout)
	defer cancel()
	start := time.Now()
	err = l.fetch(scrapeCtx)
	l.record(ctx, start, time.Since(start), err)
}

// slow reports whether the target's last scrape took long, as those of the dead
// and of the malicious do.
func (l *loop) slow() bool { return l.snapshot().Duration > slowScrape }

func (l *loop) record(ctx context.Context, start time.Time, took time.Duration, err error) {
	if ctx.Err() != nil {
		return // We are stopping; the target is not to blame.
	}
	outcome := OK
	l.mu.Lock()
	before := l.status
	l.status.Last, l.status.Duration, l.status.Err = start, took, err
	if err == nil {
		l.status.Succeeded++
		l.status.LastSuccess = start
	} else {
		outcome = outcomeOf(err)
		failed := make(map[Outcome]uint64, len(before.Failed)+1)
		for outcome, n := range before.Failed {
			failed[outcome] = n
		}
		failed[outcome]++
		l.status.Failed = failed
	}
	l.mu.Unlock()
	if l.settings.Done != nil {
		l.settings.Done(outcome, took)
	}
	l.log(ctx, before.Err, err, took)
}

// log logs when scrapes begin to fail, fail otherwise, or succeed again.
func (l *loop) log(ctx context.Context, before, err error, took time.Duration) {
	logger := klog.FromContext(ctx)
	logger.V(4).Info("Scraped", "took", took, "err", err)
	switch {
	case err != nil && (before == nil || outcomeOf(before) != outcomeOf(err)):
		if l.settings.Verbosity == 0 {
			logger.Error(err, "Scrapes fail from now on", "took", took)
			return
		}
		logger.V(l.settings.Verbosity).Info("Scrapes fail from now on", "took", took, "err", err)
	case err == nil && before != nil:
		logger.V(l.settings.Verbosity).Info("Scrapes succeed again", "took", took)
	}
}

func (l *loop) snapshot() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}
