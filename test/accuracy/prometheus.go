package main

import "time"

// prometheus is what prometheus-adapter serves with the query rate(x[window]),
// asked each second: extrapolated to the ends of the window as
// extrapolatedRate in Prometheus' promql/functions.go does it.
var prometheus = estimate{"Prometheus' rate()", func(readings []reading, window time.Duration) []result {
	const step = time.Second
	var results []result
	if len(readings) == 0 {
		return nil
	}
	first, next := 0, 0
	for now := readings[0].at; next < len(readings); now += step {
		for next < len(readings) && readings[next].known <= now {
			next++
		}
		for first < next && readings[first].at <= now-window {
			first++
		}
		r := result{from: now - window, to: now, known: now}
		if in := readings[first:next]; len(in) > 1 && now >= readings[0].at+window {
			r.percent, r.ok = 100*extrapolated(in, r.from, r.to), true
		}
		results = append(results, r)
	}
	return results
}}

func extrapolated(in []reading, from, to time.Duration) float64 {
	a, b := in[0], in[len(in)-1]
	growth := b.cpuSeconds - a.cpuSeconds
	sampled := (b.at - a.at).Seconds()
	average := sampled / float64(len(in)-1)
	atStart, atEnd := (a.at - from).Seconds(), (to - b.at).Seconds()
	threshold := average * 1.1
	if atStart >= threshold {
		atStart = average / 2
	}
	if growth > 0 && a.cpuSeconds >= 0 {
		atStart = min(atStart, sampled*a.cpuSeconds/growth)
	}
	if atEnd >= threshold {
		atEnd = average / 2
	}
	return growth * (sampled + atStart + atEnd) / sampled / (to - from).Seconds()
}
