package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// cacheAge is for how long virt-launcher keeps its guest's statistics: see
// NewLibvirtDomainManager in KubeVirt's pkg/virt-launcher/virtwrap.
const cacheAge = 3250 * time.Millisecond

// A launcher is the cache of one virt-launcher, as KubeVirt's TimeDefinedCache
// keeps it. A loop asks for the value each cacheAge after it woke, and so does
// each scrape. Whoever asks renews a value that is older than cacheAge. Times are
// since the beginning of the world.
type launcher struct {
	loop     time.Duration // When the loop wakes next.
	renewed  time.Duration // When the last renewal ended.
	sampled  time.Duration // When the counters of the cached value were read.
	renewal  func() time.Duration
	lateness func() time.Duration
}

// newLauncher returns a launcher whose loop has begun at some time before 0.
func newLauncher(random *rand.Rand, renewal, lateness func() time.Duration) *launcher {
	return &launcher{
		loop:    rand64(random, cacheAge),
		renewed: -2 * cacheAge, sampled: -2 * cacheAge,
		renewal: renewal, lateness: lateness,
	}
}

// ask returns when the counters were read that a caller at the given time gets.
// Call it with times in order.
func (l *launcher) ask(at time.Duration) time.Duration {
	for l.loop <= at {
		l.get(l.loop)
		l.loop += cacheAge + l.lateness()
	}
	return l.get(at)
}

func (l *launcher) get(at time.Duration) time.Duration {
	if at-l.renewed > cacheAge {
		took := l.renewal()
		l.sampled = at + took/2
		l.renewed = at + took
	}
	return l.sampled
}

// around returns random times around a median, as latencies are spread: the
// logarithm is normal with the given standard deviation.
func around(random *rand.Rand, median time.Duration, sigma float64) func() time.Duration {
	return func() time.Duration {
		return time.Duration(float64(median) * math.Exp(sigma*random.NormFloat64()))
	}
}

// rand64 returns a random time below a limit.
func rand64(random *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(limit)))
}
