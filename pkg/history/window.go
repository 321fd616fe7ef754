package history

import (
	"iter"
	"math"
	"time"

	"guest-metrics-server/pkg/series"
)

// Window is what is known of one VMI: the samples of the newest run that can
// tell a rate, and the newest sample of all. The zero Window knows nothing.
type Window struct {
	run    []Sample
	newest Sample
}

// Rate is the growth of one counter.
type Rate struct {
	PerSecond float64       // Zero or more.
	Span      time.Duration // From the first to the last sample that it was computed from.
}

// Since returns the window without the rates of samples before the given time.
func (w Window) Since(t time.Time) Window {
	first := 0
	for first < len(w.run) && w.run[first].At.Before(t) {
		first++
	}
	w.run = w.run[first:]
	return w
}

// Newest returns when the newest sample was taken, whether or not it is part of
// a rate yet.
func (w Window) Newest() time.Time { return w.newest.At }

// RatesAt returns when the newest sample that counts in rates was taken.
func (w Window) RatesAt() time.Time { return w.run[len(w.run)-1].At }

// HasRates tells whether there are two samples to compute rates from.
func (w Window) HasRates() bool { return len(w.run) > 1 }

// Rates yields the device (such as a vCPU id) and the rate of each counter of
// the family. A counter is left out while it has but one sample.
func (w Window) Rates(family series.Family) iter.Seq2[string, Rate] {
	return func(yield func(string, Rate) bool) {
		if len(w.run) < 2 {
			return
		}
		for i, key := range w.run[len(w.run)-1].Layout.Keys {
			if key.Family != family {
				continue
			}
			if rate, ok := w.rate(i); ok && !yield(key.Device, rate) {
				return
			}
		}
	}
}

// Count returns the number of series of the family in the newest sample that
// counts in rates, whether or not their values are known.
func (w Window) Count(family series.Family) int {
	n := 0
	for _, key := range w.run[len(w.run)-1].Layout.Keys {
		if key.Family == family {
			n++
		}
	}
	return n
}

// Latest yields the device and the newest value of each series of the family.
func (w Window) Latest(family series.Family) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		if w.newest.Layout == nil {
			return
		}
		for i, key := range w.newest.Layout.Keys {
			value := w.newest.Values[i]
			if key.Family != family || math.IsNaN(value) {
				continue
			}
			if !yield(key.Device, value) {
				return
			}
		}
	}
}

// rate computes the rate of the series at place i of the newest sample's
// layout, over as many samples as know the series without a gap.
func (w Window) rate(i int) (Rate, bool) {
	last := w.run[len(w.run)-1]
	end := last.Values[i]
	if math.IsNaN(end) {
		return Rate{}, false
	}
	start, since := end, last.At
	for j := len(w.run) - 2; j >= 0; j-- {
		value := w.run[j].value(last.Layout, i)
		if math.IsNaN(value) || value > start {
			break
		}
		start, since = value, w.run[j].At
	}
	span := last.At.Sub(since)
	if span == 0 {
		return Rate{}, false
	}
	return Rate{PerSecond: (end - start) / span.Seconds(), Span: span}, true
}
