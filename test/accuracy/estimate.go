package main

import (
	"math"
	"slices"
	"time"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/series"
)

// A reading is a sample with the counter's value in it.
type reading struct {
	sample
	cpuSeconds float64
}

// A result is an estimate of the load over a span.
type result struct {
	from, to time.Duration // The span whose mean it claims to be.
	known    time.Duration // Since when it is served.
	percent  float64
	ok       bool
}

// An estimate computes a result for each reading.
type estimate struct {
	name string
	of   func(readings []reading, window time.Duration) []result
}

// server is the server's own history.
var server = estimate{"mean between the ends", func(readings []reading, window time.Duration) []result {
	const uid = "guest"
	epoch := time.Unix(1_700_000_000, 0)
	layout := &series.Layout{Keys: []series.Key{{Family: series.VCPUSeconds, Device: "0"}}}
	store := history.NewStore(window)
	results := make([]result, len(readings))
	for i, r := range readings {
		store.Append(uid, "node", history.Sample{At: epoch.Add(r.at), Layout: layout, Values: []float64{r.cpuSeconds}})
		w, _ := store.Window(uid)
		every := func(string) bool { return true }
		if rates, ok := w.Rates(series.VCPUSeconds, every, math.Inf(1)); ok {
			at := rates.At.Sub(epoch)
			results[i] = result{at - rates.Span, at, r.known, 100 * rates.PerSecond, true}
		}
	}
	return results
}}

// windowed makes an estimate of a function of the readings in each window.
func windowed(name string, of func([]reading) result) estimate {
	return estimate{name, func(readings []reading, window time.Duration) []result {
		results := make([]result, len(readings))
		first := 0
		for i, r := range readings {
			for r.at-readings[first].at > window+window/10 {
				first++
			}
			if i > first {
				results[i] = of(readings[first : i+1])
				results[i].known = r.known
			}
		}
		return results
	}}
}

// between is the mean between two readings.
func between(a, b reading) result {
	return result{a.at, b.at, b.known, 100 * (b.cpuSeconds - a.cpuSeconds) / (b.at - a.at).Seconds(), true}
}

// agreeing takes the first or the last sample, where its age seems to have jumped,
// for what it is: where all intervals but the one beside it agree within 3 %, and
// it is off by no more than the cache can explain, the rate is that of the others.
var agreeing = windowed("agreeing intervals", func(rs []reading) result {
	return agree(rs, func(int) bool { return true })
})

// agreeingOthers does so only where more scrapes by others than usual came
// between the sample and the one before.
var agreeingOthers = windowed("agreeing intervals, where others scraped", func(rs []reading) result {
	usual := leastOthers(rs)
	return agree(rs, func(i int) bool { return rs[i].others > usual })
})

func agree(rs []reading, suspect func(i int) bool) result {
	whole := between(rs[0], rs[len(rs)-1])
	if len(rs) < 4 {
		return whole
	}
	for _, end := range []int{len(rs) - 1, 0} {
		others := slices.Delete(slices.Clone(rs), end, end+1)
		rate := between(others[0], others[len(others)-1]).percent
		shift := (whole.percent - rate) * (whole.to - whole.from).Seconds()
		if suspect(end) && spread(others) <= 0.03*rate && math.Abs(shift) <= rate*cacheAge.Seconds() {
			whole.percent = rate
			return whole
		}
	}
	return whole
}

// spread is how far the rates of the intervals are apart.
func spread(rs []reading) float64 {
	low, high := math.Inf(1), 0.0
	for i := 1; i < len(rs); i++ {
		r := between(rs[i-1], rs[i]).percent
		low, high = min(low, r), max(high, r)
	}
	return high - low
}

// theilSen is the median of the slopes between all pairs.
var theilSen = windowed("Theil-Sen", func(rs []reading) result {
	var slopes []float64
	for i := range rs {
		for j := range i {
			slopes = append(slopes, between(rs[j], rs[i]).percent)
		}
	}
	slices.Sort(slopes)
	whole := between(rs[0], rs[len(rs)-1])
	n := len(slopes)
	whole.percent = (slopes[(n-1)/2] + slopes[n/2]) / 2
	return whole
})

// leastSquares is the slope of the line that fits best.
var leastSquares = windowed("least squares", func(rs []reading) result {
	whole := between(rs[0], rs[len(rs)-1])
	var t, y, ty, tt float64
	for _, r := range rs {
		t += (r.at - rs[0].at).Seconds()
		y += r.cpuSeconds - rs[0].cpuSeconds
	}
	n := float64(len(rs))
	for _, r := range rs {
		dt := (r.at - rs[0].at).Seconds() - t/n
		ty += dt * (r.cpuSeconds - rs[0].cpuSeconds - y/n)
		tt += dt * dt
	}
	whole.percent = 100 * ty / tt
	return whole
})

// quietEnds begins and ends with samples before which there were no more scrapes
// by others than usual, where there are any: virt-handler's response counts
// scrapes (promhttp_metric_handler_requests_total).
var quietEnds = windowed("ends without another scraper", func(rs []reading) result {
	return between(quiet(rs))
})

func quiet(rs []reading) (first, last reading) {
	usual := leastOthers(rs)
	isQuiet := func(r reading) bool { return r.others == usual }
	i := slices.IndexFunc(rs, isQuiet)
	j := len(rs) - 1
	for j > i && !isQuiet(rs[j]) {
		j--
	}
	if i >= j {
		return rs[0], rs[len(rs)-1]
	}
	return rs[i], rs[j]
}

func leastOthers(rs []reading) int {
	usual := rs[0].others
	for _, r := range rs {
		usual = min(usual, r.others)
	}
	return usual
}
