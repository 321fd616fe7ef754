package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A setting is a way to come to a rate.
type setting struct {
	interval, window time.Duration
	estimate         estimate
}

// A scale says how much is simulated.
type scale struct {
	seed   uint64
	guests int
	length time.Duration // Of each guest's life.
}

// settling is left out at the begin of each guest's life.
const settling = 5 * time.Minute

// renewals are how long libvirt takes to answer, as found.
var renewals = []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond}

// A deviation is how far results are from the truth, in points of percent.
type deviation struct {
	n                   int
	sum, squares, worst float64
}

func (d *deviation) add(off float64) {
	d.n++
	d.sum += off
	d.squares += off * off
	d.worst = max(d.worst, math.Abs(off))
}

func (d deviation) rms() float64  { return math.Sqrt(d.squares / float64(d.n)) }
func (d deviation) bias() float64 { return d.sum / float64(d.n) }

// measure returns how far the results of a setting are from the truth and, of
// loads that step up, the times until a result is within 5 points of it, sorted.
func (sc scale) measure(s setting, who constellation, c conditions, k kind) (deviation, []time.Duration) {
	var off deviation
	var reactions []time.Duration
	for guest := range sc.guests {
		random := rand.New(rand.NewPCG(sc.seed, uint64(guest)))
		work := cursor{load: k.make(random, sc.length+cacheAge)}
		samples := run(random, s.interval, who, c, sc.length)
		readings := make([]reading, len(samples))
		for i, sample := range samples {
			// The kernel counts a thread's time in steps of 10 ms. The guest has
			// run for a while when the world begins.
			const before, step = 1000, 100
			readings[i] = reading{sample, math.Floor((before+work.until(sample.read))*step) / step}
		}
		results := s.estimate.of(readings, s.window)
		for _, r := range results {
			if r.ok && r.from > settling {
				off.add(r.percent - work.mean(r.from, r.to))
			}
		}
		reactions = append(reactions, reactionTimes(work.load, results)...)
	}
	slices.Sort(reactions)
	return off, reactions
}

// reactionTimes returns for each rise to 100 % how long it took until a result
// was above 95.
func reactionTimes(l *load, results []result) []time.Duration {
	var times []time.Duration
	i := 0
	for piece, at := range l.ends[:len(l.ends)-1] {
		if at < settling || l.to[piece] != 0.5 || l.from[piece+1] != 1 {
			continue
		}
		for i < len(results) && (results[i].known < at || !results[i].ok || results[i].percent < 95) {
			i++
		}
		if i < len(results) && results[i].known < at+rest {
			times = append(times, results[i].known-at)
		}
	}
	return times
}
