package history

import (
	"iter"
	"math"
	"time"

	"guest-metrics-server/pkg/series"
)

// Window is what is known of one VMI. The zero Window knows nothing.
type Window struct {
	samples []Sample // As those of a record, with run and whole.
	run     int
	whole   int
	since   int // No rate begins before this sample.
	recent  int // No rate ends before this sample.
	limits  limits
}

// Rates are those of the counters of a family, at one moment.
type Rates struct {
	PerSecond float64       // Their sum, 0 or more.
	Devices   int           // How many counters there are.
	Total     float64       // The sum of their values at the end.
	At        time.Time     // When the sample was taken at which they end.
	Span      time.Duration // The longest that one was computed over.
}

func (rec *record) window(l limits) Window {
	return Window{samples: rec.samples, run: rec.run, whole: rec.whole, limits: l}
}

// with returns the window with one more sample of the run.
func (w Window) with(s Sample) Window {
	w.samples = appended(w.samples, s)
	return w
}

// Since returns the window without rates that begin before the given time.
func (w Window) Since(t time.Time) Window {
	for w.since < len(w.samples) && w.samples[w.since].At.Before(t) {
		w.since++
	}
	return w
}

// Recent returns the window without rates that end before the given time.
func (w Window) Recent(t time.Time) Window {
	for w.recent < len(w.samples) && w.samples[w.recent].At.Before(t) {
		w.recent++
	}
	return w
}

// Until returns the window without the samples after the given time.
func (w Window) Until(t time.Time) Window {
	n := len(w.samples)
	for n > 0 && w.samples[n-1].At.After(t) {
		n--
	}
	w.samples, w.run = w.samples[:n], min(w.run, n)
	if w.whole >= n {
		w.whole = -1
	}
	return w
}

// newest returns the newest sample.
func (w *Window) newest() Sample {
	if len(w.samples) == 0 {
		return Sample{Layout: &series.Layout{}}
	}
	return w.samples[len(w.samples)-1]
}

// Newest returns when the newest sample was taken, whether or not a rate ends
// there.
func (w Window) Newest() time.Time { return w.newest().At }

// Run returns how many samples there are that rates of now may span, and whether
// they are the first since a reset.
func (w Window) Run() (samples int, afterReset bool) {
	return len(w.samples) - max(w.run, w.since), w.since < w.run
}

// Rates returns the sum of the rates of the family's counters on the devices that
// match, such as vCPU ids. What exceeds the limit of a counter's rate is left out.
//
// The rates end at the newest sample in which each counter is known and has a
// rate, so that one that could not be read shifts nothing. It is not ok when there
// is no such sample, or no such counter.
func (w Window) Rates(family series.Family, match func(device string) bool, limit float64) (rates Rates, ok bool) {
	for end := len(w.samples) - 1; end > w.since && end >= w.recent; end-- {
		if end == w.run {
			continue // A reset is before it.
		}
		if rates, ok = w.ratesAt(end, family, match, limit); ok {
			return rates, true
		}
	}
	return Rates{}, false
}

// ratesAt is Rates at one sample.
func (w *Window) ratesAt(end int, family series.Family, match func(string) bool, limit float64) (Rates, bool) {
	s, oldest := &w.samples[end], &w.samples[w.oldest(end)]
	span := s.At.Sub(oldest.At)
	grows := family.IsCounter() && s.Layout == oldest.Layout
	rates := Rates{At: s.At}
	for i := range s.Layout.Keys {
		if key := &s.Layout.Keys[i]; key.Family != family || !match(key.Device) {
			continue
		}
		var r rate
		if grows && oldest.Values[i] > 0 && oldest.Values[i] <= s.Values[i] { // As most are.
			r = rate{perSecond: (s.Values[i] - oldest.Values[i]) / span.Seconds(), span: span}
		} else if other, ok := w.rate(end, i); ok {
			r = other
		} else {
			return Rates{}, false
		}
		rates.PerSecond += min(r.perSecond, limit)
		rates.Span = max(rates.Span, r.span)
		rates.Total += s.Values[i]
		rates.Devices++
	}
	first := 0
	if end >= w.run {
		first = w.run
	}
	return rates, rates.Devices > 0 && !lacks(s, w.samples[first:end], w.limits.reach, func(f series.Family) bool { return f == family })
}

// reference returns the index of the sample that has all the counters that those
// of its run should have: a whole one, or the first.
func (w *Window) reference(of int) int {
	if of < w.run {
		return w.run - 1
	}
	return max(w.run, w.whole)
}

// first returns the first sample at which a rate may begin that ends at a sample.
func (w *Window) first(end int) int {
	if end < w.run {
		return w.since
	}
	return max(w.run, w.since)
}

// oldest returns the oldest of these within reach, or without one the last.
func (w *Window) oldest(end int) int {
	j, first := end-1, w.first(end)
	for j > first && w.samples[end].At.Sub(w.samples[j-1].At) <= w.limits.reach {
		j--
	}
	return j
}

// rate is the growth of one counter.
type rate struct {
	perSecond float64
	span      time.Duration
}

// rate computes the rate of the series at index i that ends at a sample. It begins
// at the oldest sample within reach that knows the series, or without one at the
// last that did. It never begins at a 0 that may be no more than unread.
func (w *Window) rate(end, i int) (rate, bool) {
	last := &w.samples[end]
	value, family := last.Values[i], last.Layout.Keys[i].Family
	if math.IsNaN(value) || value == 0 && !w.isTrueZero(end, i) {
		return rate{}, false
	}
	start, since := value, -1
	for j := end - 1; j >= w.first(end); j-- {
		if since >= 0 && last.At.Sub(w.samples[j].At) > w.limits.reach {
			break
		}
		before := w.samples[j].value(last.Layout, i)
		if math.IsNaN(before) {
			continue
		}
		if before > start || before == 0 && value > 0 && family.ReadsZeroUnread() {
			break
		}
		start, since = before, j
	}
	if since < 0 {
		return rate{}, false
	}
	span := last.At.Sub(w.samples[since].At)
	return rate{perSecond: (value - start) / span.Seconds(), span: span}, true
}

// isTrueZero reports whether a counter that reads 0 has really counted nothing. A
// thread's time that reads 0 from a run's beginning on may be unread. It is true
// when it was plugged in during the run, or has stayed for two rate windows.
func (w *Window) isTrueZero(end, i int) bool {
	last := &w.samples[end]
	if !last.Layout.Keys[i].Family.IsThreadTime() {
		return true
	}
	first := 0
	if end >= w.run {
		first = w.run
	}
	reference := &w.samples[w.reference(end)]
	isWhole := end < w.run || w.whole >= 0
	if reference.Layout != last.Layout && reference.Layout.Index(last.Layout.Keys[i]) < 0 || isWhole && reference.value(last.Layout, i) == 0 {
		return true
	}
	oldest := last.At
	for j := end - 1; j >= first; j-- {
		if w.samples[j].value(last.Layout, i) == 0 {
			oldest = w.samples[j].At
		}
	}
	return last.At.Sub(oldest) >= w.limits.trueZero
}

// Latest yields the device and the newest value of each series of the family that
// is known.
func (w Window) Latest(family series.Family) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		newest := w.newest()
		for i, key := range newest.Layout.Keys {
			value := newest.Values[i]
			if key.Family != family || math.IsNaN(value) {
				continue
			}
			if !yield(key.Device, value) {
				return
			}
		}
	}
}

// SameDevices reports whether the newest sample has series of both families on the
// same devices.
func (w Window) SameDevices(a, b series.Family) bool {
	layout := w.newest().Layout
	balance := 0
	for _, key := range layout.Keys {
		switch key.Family {
		case a:
			if layout.Index(series.Key{Family: b, Device: key.Device}) < 0 {
				return false
			}
			balance++
		case b:
			balance--
		}
	}
	return balance == 0
}

// Unknown reports whether the newest sample has a series of the family, on a
// device that matches, without its value.
func (w Window) Unknown(family series.Family, match func(device string) bool) bool {
	newest := w.newest()
	for i, key := range newest.Layout.Keys {
		if key.Family != family || !match(key.Device) {
			continue
		}
		if value := newest.Values[i]; math.IsNaN(value) || value == 0 && !w.isTrueZero(len(w.samples)-1, i) {
			return true
		}
	}
	return false
}
