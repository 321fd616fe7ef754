package scrape

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// slowScrape is what a scrape may take without its target being slow.
const slowScrape = time.Second

// lanes bounds how many scrapes run at a time. Slow targets wait for each other
// and never for long in the others' way: a target that was slow the last time
// takes a slot among the slow ones. A group of targets, such as a tenant's, has
// at most a quarter of either slots, whatever its targets do: quick ones can
// become slow all at once. nil lanes bound nothing.
type lanes []*lane

type lane struct {
	slots chan struct{}

	mu     sync.Mutex
	groups map[string]*group // Those that have or want a slot.
}

type group struct {
	slots chan struct{}
	users int
}

func newLanes(slots int) lanes {
	if slots == 0 {
		return nil
	}
	var l lanes
	for range 2 {
		l = append(l, &lane{slots: make(chan struct{}, slots), groups: make(map[string]*group)})
	}
	return l
}

// enter waits for a slot, for up to patience, and returns what gives it back.
// The error is an Error, or the context's.
func (l lanes) enter(ctx context.Context, name string, slow bool, patience time.Duration) (leave func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	lane := l[0]
	if slow {
		lane = l[1]
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errImpatient)
	defer cancel()
	g := lane.join(name)
	if err := take(ctx, g.slots, patience); err != nil {
		lane.part(name)
		return nil, err
	}
	if err := take(ctx, lane.slots, patience); err != nil {
		<-g.slots
		lane.part(name)
		return nil, err
	}
	return func() {
		<-lane.slots
		<-g.slots
		lane.part(name)
	}, nil
}

var errImpatient = errors.New("no slot")

// take takes one of the slots.
func take(ctx context.Context, slots chan struct{}, patience time.Duration) error {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), errImpatient) {
			return &Error{Crowded, fmt.Errorf("no slot within %s: %d others are scraped at a time", patience, cap(slots))}
		}
		return ctx.Err()
	}
}

func (l *lane) join(name string) *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[name]
	if g == nil {
		g = &group{slots: make(chan struct{}, (cap(l.slots)+3)/4)}
		l.groups[name] = g
	}
	g.users++
	return g
}

func (l *lane) part(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.groups[name]; g.users == 1 {
		delete(l.groups, name)
	} else {
		g.users--
	}
}
