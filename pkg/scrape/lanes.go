package scrape

import (
	"context"
	"fmt"
	"time"
)

// slowScrape is what a scrape may take without its target being slow.
const slowScrape = time.Second

// lanes bounds how many scrapes run at a time. Slow targets wait for each other
// and never for long in the others' way: a target that was slow the last time
// takes a place among the slow ones. nil lanes bound nothing.
type lanes []chan struct{}

func newLanes(places int) lanes {
	if places == 0 {
		return nil
	}
	return lanes{make(chan struct{}, places), make(chan struct{}, places)}
}

// enter waits for a place, for up to patience, and returns what gives it back.
// The error is an Error, or the context's.
func (l lanes) enter(ctx context.Context, slow bool, patience time.Duration) (leave func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	lane := l[0]
	if slow {
		lane = l[1]
	}
	leave = func() { <-lane }
	select {
	case lane <- struct{}{}:
		return leave, nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case lane <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, &Error{Crowded, fmt.Errorf("no place within %s: %d others are scraped at a time", patience, cap(lane))}
	}
}
