package guesthttp

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// life is a server of several workers, each with a few series, that is read again
// and again. Workers are replaced, workers and the whole server restart, and
// responses lack series or break off.
type life struct {
	*rand.Rand
	workers []map[string]float64 // Counts by series.
	born    int                  // Workers.
	served  float64              // Requests, in all.
}

func (l *life) work() {
	for i, w := range l.workers {
		switch l.IntN(20) {
		case 0:
			l.born++
			w = map[string]float64{fmt.Sprintf(`worker="%d",code="200"`, l.born): 0} // Another worker, with a name of its own.
			l.workers[i] = w
		case 1:
			for name := range w {
				w[name] = 0 // Restarts.
			}
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			n := float64(l.IntN(100))
			w[name] += n
			l.served += n
		}
	}
	if l.IntN(30) == 0 { // All of it restarts.
		for _, w := range l.workers {
			clear(w)
			w[fmt.Sprintf(`worker="%d",code="200"`, l.born)] = 1
			l.served++
			l.born++
		}
	}
}

// respond returns the status page. Unless it is to be whole, lines may be missing,
// and it may break off.
func (l *life) respond(whole bool) string {
	var out strings.Builder
	for _, w := range l.workers {
		for _, name := range slices.Sorted(maps.Keys(w)) {
			if whole || l.IntN(25) > 0 {
				fmt.Fprintf(&out, "reqs{%s} %.0f\n", name, w[name])
			}
		}
	}
	text := out.String()
	if !whole && l.IntN(10) == 0 {
		text = text[:l.IntN(len(text)+1)]
	}
	return text
}

// However series come and go, no more requests are counted than were served since
// the response before the base, and most of them are.
func TestNoMoreRequestsAreCountedThanWereServed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var counted, served float64
	for n := range uint64(300) {
		l := &life{Rand: rand.New(rand.NewPCG(seed, n))}
		for range 1 + l.IntN(6) {
			l.workers = append(l.workers, map[string]float64{
				fmt.Sprintf(`worker="%d",code="200"`, l.born): float64(l.IntN(1_000_000)),
				fmt.Sprintf(`worker="%d",code="404"`, l.born): float64(l.IntN(10)),
			})
			l.born++
		}
		d := newDecoder(t, Endpoint{Series: "reqs"})
		var before, base, last float64 // What was served at the last response and at the base, and what was counted.
		for round := range 100 {
			l.work()
			counts, err := d.Decode(strings.NewReader(l.respond(round < 2)))
			if err != nil && !errors.Is(err, errIncomplete) {
				continue // It broke off.
			}
			if counts.Anew {
				base, last = before, 0
			}
			if err == nil {
				if counts.Requests < last || counts.Requests > l.served-base {
					t.Fatalf("life %d, response %d: %v requests are counted, after %v; %v were served", n, round, counts.Requests, last, l.served-base)
				}
				counted += counts.Requests - last
				last = counts.Requests
			}
			before = l.served
		}
		served += l.served
	}
	share := 100 * counted / served
	t.Logf("of the requests served %.1f %% are counted", share)
	if share < 80 {
		t.Error("that is too few")
	}
}
