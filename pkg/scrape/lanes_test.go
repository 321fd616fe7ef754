package scrape

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func refuse(*http.Request, int) (*http.Response, error) { return nil, errors.New("connection refused") }

// Ten times as many dead targets as there are slots: those that refuse take no
// time, those that never answer wait for each other.
func TestDeadTargetsDelayNoLiveOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each, slots = 1000, 200
		answers := make(map[string]answer)
		for i := range each {
			answers[fmt.Sprintf("live-%d", i)] = takes(5 * time.Millisecond)
			answers[fmt.Sprintf("refusing-%d", i)] = refuse
			answers[fmt.Sprintf("silent-%d", i)] = hang
			answers[fmt.Sprintf("slow-%d", i)] = takes(4 * time.Second) // Late on purpose, to keep a slot.
		}
		f := start(t.Context(), answers, func(c *Config[Target]) { c.Slots, c.Timeout, c.Verbosity = slots, 5*time.Second, 2 })
		f.pass(time.Minute) // At first nobody is known to be slow.
		before := f.Statuses()
		f.pass(10 * interval)
		f.stop()
		for i := range each {
			name := fmt.Sprintf("live-%d", i)
			s, _ := f.Status(name)
			if got := s.Succeeded - before[name].Succeeded; got < 10 || s.Failed[Crowded] != before[name].Failed[Crowded] {
				t.Fatalf("%s: %d scrapes of 10 succeeded, failed %v", name, got, s.Failed)
			}
		}
		var tried uint64
		for i := range each {
			s, _ := f.Status(fmt.Sprintf("silent-%d", i))
			tried += s.Failed[Timeout]
		}
		if tried < each {
			t.Errorf("%d silent targets were tried %d times, want each to have its turn", each, tried)
		}
	})
}

// One tenant's guests are quick and slow by turns, so that nobody knows them to be
// slow when they are. Each group has its own slots.
func TestAGroupDelaysItsOwnTargetsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hostile, live, slots = 900, 50, 60
		byTurns := func(r *http.Request, n int) (*http.Response, error) {
			if n%2 == 0 {
				return hang(r, n)
			}
			return healthy(r, n)
		}
		answers := make(map[string]answer)
		for i := range hostile {
			answers[fmt.Sprintf("hostile-%d", i)] = byTurns
		}
		for i := range live {
			answers[fmt.Sprintf("live-%d", i)] = takes(5 * time.Millisecond)
		}
		f := start(t.Context(), answers, func(c *Config[Target]) { c.Slots, c.Timeout, c.Verbosity = slots, 5*time.Second, 2 })
		f.pass(10*interval + time.Second)
		f.stop()
		for i := range live {
			name := fmt.Sprintf("live-%d", i)
			if s, _ := f.Status(name); s.Succeeded < 10 || len(s.Failed) > 0 {
				t.Errorf("%s: %d scrapes of 10 succeeded, failed %v", name, s.Succeeded, s.Failed)
			}
			for _, gap := range f.gaps(name) {
				if gap != interval {
					t.Errorf("%s was visited %s after the visit before", name, gap)
				}
			}
		}
		for _, lane := range f.lanes {
			if len(lane.groups) > 0 || len(lane.slots) > 0 {
				t.Errorf("at the end %d groups have %d slots", len(lane.groups), len(lane.slots))
			}
		}
	})
}

func TestAPlaceIsWaitedForNoLongerThanTheContext(t *testing.T) {
	l := newLanes(1)
	leave, err := l.enter(t.Context(), "a", false, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := l.enter(t.Context(), "a", true, time.Hour); err != nil {
		t.Errorf("a slow target has a slot of its own, got %v", err)
	} else {
		other()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(ctx, "a", false, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if _, err := l.enter(t.Context(), "a", false, time.Millisecond); outcomeOf(err) != Crowded {
		t.Errorf("got %v, want that it is crowded", err)
	}
	leave()
	if _, err := l.enter(t.Context(), "a", false, time.Hour); err != nil {
		t.Errorf("a slot that was given back: %v", err)
	}
}
