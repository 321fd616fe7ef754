package scrape

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// BenchmarkLateness measures how late scrapes begin, in real time, of 1,000 targets
// at the default interval. Each response takes as long to decode as one of 50 VMIs.
// 3,000 scrapes take 29 s:
//
//	go test ./pkg/scrape -run '^$' -bench Lateness -benchtime 3000x
func BenchmarkLateness(b *testing.B) {
	const (
		targets  = 1000
		interval = 9750 * time.Millisecond
		replica  = "replica-a"
	)
	var mu sync.Mutex
	var late []time.Duration
	enough := make(chan struct{})
	visit := func(r *http.Request) (*http.Response, error) {
		// A scrape was due at its phase: phase returns how long the next one is away.
		since := interval - phase(r.URL.Host, replica, time.Now(), interval)
		mu.Lock()
		if late = append(late, since); len(late) == b.N {
			close(enough)
		}
		mu.Unlock()
		return healthy(r, 1)
	}
	work := make([]byte, 1<<20)
	s := New(Config[int]{
		Settings: Settings{Interval: interval, Timeout: time.Second, MaxBytes: 1 << 20, Replica: replica},
		Target: func(i int) Target {
			name := fmt.Sprintf("node-%d", i)
			return Target{Name: name, URL: "http://" + name}
		},
		Client: func(int) *http.Client { return &http.Client{Transport: roundTrip(visit)} },
		Decoder: func(int) DecodeFunc {
			return func(context.Context, time.Time, io.Reader) error {
				sha256.Sum256(work) // 0.7 ms.
				return nil
			}
		},
	})
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan struct{})
	all := make([]int, targets)
	for i := range all {
		all[i] = i
	}
	b.ResetTimer()
	go func() {
		defer close(ended)
		s.Run(ctx, func() []int { return all }, nil)
	}()
	<-enough
	b.StopTimer()
	stop()
	<-ended
	slices.Sort(late)
	n := len(late)
	for name, d := range map[string]time.Duration{"p50": late[n/2], "p99": late[n*99/100], "max": late[n-1]} {
		b.ReportMetric(float64(d)/float64(time.Millisecond), name+"-ms-late")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestScrapesDoNotDrift lets responses take all kinds of times for a day: each
// scrape still begins at its target's phase.
func TestScrapesDoNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slower := func(r *http.Request, n int) (*http.Response, error) {
			return takes(time.Duration(n%1000)*13*time.Millisecond)(r, n)
		}
		f := start(t.Context(), map[string]answer{"n1": slower}, func(c *Config[Target]) { c.Interval = 9750 * time.Millisecond })
		f.pass(24 * time.Hour)
		f.stop()
		first, last := f.visitsOf("n1")[0], f.visitsOf("n1")[len(f.visitsOf("n1"))-1]
		if drift := last.Sub(first) % (9750 * time.Millisecond); drift != 0 || last.Sub(first) < 23*time.Hour {
			t.Errorf("after %s scrapes are %s off their phase", last.Sub(first), drift)
		}
	})
}
