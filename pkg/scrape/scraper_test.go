package scrape

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEachTargetIsVisitedAtASteadyPhaseOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t.Context(), map[string]answer{"n1": healthy, "n2": healthy}, nil)
		f.pass(3 * interval)
		f.stop()
		want := []time.Duration{interval, interval}
		for _, host := range []string{"n1", "n2"} {
			if diff := cmp.Diff(want, f.gaps(host)); diff != "" {
				t.Errorf("times between the visits of %s, -want +got:\n%s", host, diff)
			}
		}
		if f.visitsOf("n1")[0].Equal(f.visitsOf("n2")[0]) {
			t.Error("both are visited at the same moment")
		}
	})
}

func TestAPhaseOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var phases []time.Duration
		for _, pause := range []time.Duration{0, 7 * time.Second, time.Minute} {
			time.Sleep(pause)
			f := start(t.Context(), map[string]answer{"n1": healthy}, nil)
			f.pass(interval)
			f.stop()
			phases = append(phases, time.Duration(f.visitsOf("n1")[0].UnixNano()%int64(interval)))
		}
		if phases[1] != phases[0] || phases[2] != phases[0] {
			t.Errorf("the phases after restarts are %v, want the same ones", phases)
		}
	})
}

func TestAHangingTargetDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A virt-handler waits 5 s for a launcher that hangs, and answers then.
		f := start(t.Context(), map[string]answer{"dead": hang, "hung-launcher": takes(5300 * time.Millisecond), "slow": takes(12 * time.Second), "quick": healthy}, nil)
		defer f.stop()
		f.pass(5*interval + timeout)
		for _, host := range []string{"hung-launcher", "slow"} {
			if s, _ := f.Status(host); s.Succeeded < 5 || len(s.Failed) > 0 {
				t.Errorf("%s: %d scrapes of 5 succeeded, failed %v", host, s.Succeeded, s.Failed)
			}
		}
		if n := len(f.visitsOf("quick")); n < 5 {
			t.Errorf("the quick target was visited %d times in 5 intervals", n)
		}
		for _, host := range []string{"quick", "hung-launcher", "slow", "dead"} {
			for _, gap := range f.gaps(host) {
				if gap != interval {
					t.Errorf("%s was visited %s after the visit before", host, gap)
				}
			}
		}
	})
}

func TestATargetThatTakesTooLongMissesRoundsAndKeepsItsPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t.Context(), map[string]answer{"n1": takes(20 * time.Second)}, func(c *Config[Target]) { c.Timeout = time.Minute })
		defer f.stop()
		f.pass(7 * interval)
		if diff := cmp.Diff([]time.Duration{2 * interval, 2 * interval, 2 * interval}, f.gaps("n1")); diff != "" {
			t.Errorf("times between visits, -want +got:\n%s", diff)
		}
	})
}

func TestTargetsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []string
		f := start(t.Context(), map[string]answer{"stays": healthy, "goes": healthy, "moves": hang}, func(c *Config[Target]) {
			c.Decoder = func(t Target) DecodeFunc {
				made = append(made, t.Name)
				return readAll
			}
		})
		f.pass(interval) // "moves" is in the midst of a scrape.
		delete(f.targets, "goes")
		f.targets["moves"] = "http://elsewhere"
		f.targets["comes"] = "http://comes"
		f.update()
		f.pass(2 * interval)
		f.stop()

		got := make(map[string]int)
		for _, host := range []string{"stays", "goes", "moves", "elsewhere", "comes"} {
			got[host] = len(f.visitsOf(host))
		}
		want := map[string]int{"stays": 3, "goes": 1, "moves": 1, "elsewhere": 2, "comes": 2}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("visits, -want +got:\n%s", diff)
		}
		slices.Sort(made)
		if diff := cmp.Diff([]string{"comes", "goes", "moves", "moves", "stays"}, made); diff != "" {
			t.Errorf("targets that a response function was made for, -want +got:\n%s", diff)
		}
		if _, ok := f.Status("goes"); ok {
			t.Error("there is a status of a target that is gone")
		}
		if s, _ := f.Status("moves"); s.Succeeded != 2 || len(s.Failed) != 0 {
			t.Errorf("the status at the new URL is %+v, want that of 2 successes", s)
		}
	})
}

func TestTheEndIsNotBlamedOnTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t.Context(), map[string]answer{"n1": takes(5 * time.Second)}, nil)
		f.pass(interval) // Was visited once, perhaps not answered yet.
		for len(f.visitsOf("n1")) == 1 {
			f.pass(time.Second)
		}
		f.stop()
		s, ok := f.Status("n1")
		if !ok || s.Succeeded != 1 || len(s.Failed) != 0 || s.Err != nil {
			t.Errorf("the status is %+v, want that of 1 success", s)
		}
	})
}

func TestTheDecodeFuncLearnsWhenThePageWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan time.Time)
		// The first two tries find the target busy.
		f := start(t.Context(), map[string]answer{"n1": nth(busy, busy, takes(3*time.Second))}, func(c *Config[Target]) {
			c.Interval = time.Minute
			c.Decoder = func(Target) DecodeFunc {
				return func(_ context.Context, at time.Time, _ io.Reader) error {
					got <- at
					return nil
				}
			}
		})
		at := <-got
		f.stop()
		if want := f.visitsOf("n1"); len(want) != 3 || !at.Equal(want[2]) {
			t.Errorf("got %v, want the last of the tries at %v, which gave the response", at, want)
		}
	})
}

func TestStatusCountsAndTellsTheLastScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := fails(errors.New("connection refused"))
		f := start(t.Context(), map[string]answer{"n1": nth(healthy, hang, refuse, refuse, takes(2*time.Second))}, nil)
		f.pass(5*interval + 2*time.Second)
		f.stop()
		got, ok := f.Status("n1")
		want := Status{
			Succeeded:   2,
			Failed:      map[Outcome]uint64{Timeout: 1, Unreachable: 2},
			Last:        f.visitsOf("n1")[4],
			LastSuccess: f.visitsOf("n1")[4],
			Duration:    2 * time.Second,
		}
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(map[string]Status{"n1": want}, f.Statuses()); diff != "" {
			t.Errorf("of all, -want +got:\n%s", diff)
		}
	})
}
