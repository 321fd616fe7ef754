package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// A constellation is who visits besides the scraper that is measured.
type constellation struct {
	name    string
	replica bool          // A second one of the kind that is measured.
	other   time.Duration // The interval of another scraper, such as a Prometheus; 0 where there is none.
}

var constellations = []constellation{
	{name: "alone"},
	{name: "two replicas", replica: true},
	{name: "alone, a scraper at 30 s", other: 30 * time.Second},
	{name: "two replicas, a scraper at 30 s", replica: true, other: 30 * time.Second},
	{name: "two replicas, a scraper at 15 s", replica: true, other: 15 * time.Second},
}

// A sample is what a scraper gets of one guest.
type sample struct {
	at     time.Duration // When it was asked for, as the scraper notes it.
	read   time.Duration // When the counters were read, truly.
	known  time.Duration // When the response has come.
	others int           // Scrapes by others that began since the last sample.
}

// conditions are how quick and how punctual the machine is.
type conditions struct {
	renewal time.Duration // Median of the time that libvirt takes to answer.
	busy    float64       // How much later timers are than found.
}

// lateness returns how late timers are. It is as found for timers of a process
// that has little else to do, on two cores with a load average of 7: 0.55 ms at the
// median, 0.7 ms at the 90th percentile, 4 ms at the 99th, 6.5 ms at most.
func (c conditions) lateness(random *rand.Rand) func() time.Duration {
	const (
		median, sigma  = 550 * time.Microsecond, 0.15
		often, further = 0.03, 3 * time.Millisecond
	)
	usual := around(random, median, sigma)
	return func() time.Duration {
		late := usual()
		if random.Float64() < often {
			late += time.Duration(random.ExpFloat64() * float64(further))
		}
		return time.Duration(c.busy * float64(late))
	}
}

const (
	// dirtyRate is how long virt-handler takes at least: it measures the dirty
	// rate of each guest.
	dirtyRate = 1200 * time.Millisecond

	// Between the request and a launcher's answer there are virt-handler and gRPC.
	travel      = 4 * time.Millisecond
	travelSigma = 0.7
)

// run returns what the measured scraper gets of one guest in a world of the given
// length.
func run(random *rand.Rand, interval time.Duration, who constellation, c conditions, length time.Duration) []sample {
	late := c.lateness(random)
	travels := around(random, travel, travelSigma)
	guest := newLauncher(random, around(random, c.renewal, 0.3), late)
	type visit struct {
		asked, arrives time.Duration
		ours           bool
	}
	var visits []visit
	scrape := func(interval time.Duration, ours bool) {
		for due := rand64(random, interval); due < length; due += interval {
			asked := due + late()
			visits = append(visits, visit{asked, asked + travels(), ours})
		}
	}
	scrape(interval, true)
	if who.replica {
		scrape(interval, false)
	}
	if who.other > 0 {
		scrape(who.other, false)
	}
	slices.SortFunc(visits, func(a, b visit) int { return int(a.arrives - b.arrives) })
	var samples []sample
	others := 0
	for _, v := range visits {
		read := guest.ask(v.arrives)
		if !v.ours {
			others++
			continue
		}
		samples = append(samples, sample{at: v.asked, read: read, known: v.arrives + dirtyRate, others: others})
		others = 0
	}
	return samples
}
