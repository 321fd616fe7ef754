package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sites stands for web servers. It answers at once, until it hangs.
type sites struct {
	mu    sync.Mutex
	began time.Time
	seen  []string        // The hosts in order.
	at    []time.Duration // Their times.
	hangs bool
	fails bool
}

func (s *sites) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.URL.Host)
	s.at = append(s.at, time.Since(s.began))
	if s.hangs {
		s.mu.Unlock()
		<-r.Context().Done()
		s.mu.Lock()
		return nil, r.Context().Err()
	}
	if s.fails {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("hello\n"))}, nil
}

// run lets a load run for the time of the story, by a clock that only waiting
// moves.
func run(t *testing.T, s *sites, story func(*Load)) *Load {
	t.Helper()
	var load *Load
	synctest.Test(t, func(t *testing.T) {
		s.began = time.Now()
		load = newLoad(s)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { load.Run(ctx) })
		story(load)
		cancel()
		running.Wait()
	})
	return load
}

func TestLoadIsEvenlySpacedAndTakesTurns(t *testing.T) {
	s := &sites{}
	run(t, s, func(l *Load) {
		l.SetTargets("a", "b", "c")
		l.SetRate(10)
		<-time.After(650 * time.Millisecond)
	})
	if diff := cmp.Diff([]string{"b", "c", "a", "b", "c", "a"}, s.seen); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	for i, at := range s.at {
		if want := time.Duration(i+1) * 100 * time.Millisecond; at != want {
			t.Errorf("request %d is sent after %v, want %v", i, at, want)
		}
	}
}

func TestLoadFollowsItsChanges(t *testing.T) {
	const step = 1010 * time.Millisecond // So that no request is due just when something changes.
	load := run(t, &sites{}, func(l *Load) {
		for _, change := range []func(){
			func() { l.SetRate(10) }, // Without a target nothing is sent, and not made up for.
			func() { l.SetTargets("a") },
			func() { l.SetTargets("a", "b") },
			func() { l.SetRate(20) },
			func() { l.SetRate(0) },
		} {
			change()
			<-time.After(step)
		}
	})
	var got [][2]int
	for i := range 5 {
		from := load.began.Add(time.Duration(i) * step)
		got = append(got, [2]int{load.Answered("a", from, from.Add(step)), load.Answered("b", from, from.Add(step))})
	}
	if diff := cmp.Diff([][2]int{{0, 0}, {10, 0}, {5, 5}, {10, 10}, {0, 0}}, got); diff != "" {
		t.Errorf("answered by a and b in each step (-want +got):\n%s", diff)
	}
}

func TestLoadCountsFailuresApart(t *testing.T) {
	load := run(t, &sites{fails: true}, func(l *Load) {
		l.SetTargets("a")
		l.SetRate(10)
		<-time.After(time.Second + time.Millisecond)
	})
	got := load.Counts()["a"]
	if got.Answered != 0 || got.Failed != 10 || got.Failure == nil {
		t.Errorf("got %+v, want 10 failed, with an error", got)
	}
}

func TestLoadIsBoundedWhenServersHang(t *testing.T) {
	s := &sites{hangs: true}
	load := run(t, s, func(l *Load) {
		l.SetTargets("a")
		l.SetRate(1000)
		<-time.After(time.Second + time.Microsecond)
	})
	if got := load.Counts()["a"]; len(s.seen) != maxUnderWay || got.Failed != maxUnderWay || load.Unsent() != 1000-maxUnderWay {
		t.Errorf("%d sent, %+v, %d not sent; want %d to time out, and the rest of 1000 not sent", len(s.seen), got, load.Unsent(), maxUnderWay)
	}
}
