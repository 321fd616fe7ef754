package history

import (
	"math"
	"time"

	"guest-metrics-server/pkg/series"
)

// A record is the history of one VMI. It is replaced, never changed.
//
// A run is a list of samples, oldest first, whose counters go on from one to the
// next. A sample is whole when each of its counters has a rate that ends there and
// none is missing. The end of the previous run is kept until the current one has a
// whole sample, since until then it has the latest rate:
//
//	samples: previous... whole | first ... whole ... newest
//	                           ^run        ^whole
type record struct {
	origin  string
	samples []Sample
	run     int // Where the current run begins.
	whole   int // The newest whole sample of the current run, -1 without one.
}

// next returns the record with one more sample, nil when that is no newer than
// the last.
func (rec *record) next(origin string, s Sample, l limits) *record {
	if rec == nil {
		return &record{origin: origin, samples: []Sample{s}, whole: -1}
	}
	last := rec.samples[len(rec.samples)-1]
	gap := s.At.Sub(last.At)
	switch {
	case gap <= 0:
		return nil
	case gap > l.longest:
		return &record{origin: origin, samples: []Sample{s}, whole: -1}
	case rec.origin != origin:
		return rec.newRun(origin, s)
	}
	v := rec.judge(s, l)
	if v.reset {
		return rec.newRun(origin, s)
	}
	for _, i := range v.unread {
		s.Values[i] = math.NaN()
	}
	return rec.continued(s, v.whole, l)
}

// newRun returns the record with a sample that begins a run.
func (rec *record) newRun(origin string, s Sample) *record {
	previous := rec.samples[:rec.run]
	if rec.whole >= 0 {
		previous = rec.samples[rec.run : rec.whole+1]
	}
	return &record{origin: origin, samples: appended(previous, s), run: len(previous), whole: -1}
}

// continued returns the record with a sample that goes on with the run. It drops
// what no rate can begin at any more.
func (rec *record) continued(s Sample, whole bool, l limits) *record {
	next := &record{origin: rec.origin, run: rec.run, whole: rec.whole}
	first := 0
	if whole {
		// Each counter has a value in the newest whole sample or after it.
		first = min(rec.reference(), len(rec.samples)-1)
		for first > rec.run && s.At.Sub(rec.samples[first-1].At) <= l.reach {
			first--
		}
		next.whole = len(rec.samples)
	} else {
		for s.At.Sub(rec.samples[first].At) > l.longest {
			first++
		}
	}
	next.samples = appended(rec.samples[first:], s)
	next.run = max(next.run-first, 0)
	next.whole = max(next.whole-first, -1)
	return next
}

func appended(samples []Sample, s Sample) []Sample {
	return append(append(make([]Sample, 0, len(samples)+1), samples...), s)
}

// reference returns the index of the sample that has all the counters that the
// run's next one should have.
func (rec *record) reference() int { return max(rec.run, rec.whole) }

// cacheAge is how old domain stats can be in a response: the launcher caches them
// for 3.25 s and a collection takes up to 5 s when another launcher hangs.
const cacheAge = 8250 * time.Millisecond

// verdict is what a sample says about the run that is to go on with it.
type verdict struct {
	reset  bool  // It does not go on: QEMU or the guest's server was started anew.
	unread []int // The indexes of counters that could not be read.
	whole  bool
}

// judge compares a sample with those before it. A counter that is lower than it
// was says that another QEMU counts, and so does a vCPU that ran for longer than the
// time that passed. But 0 is what libvirt answers for a counter that it could not
// read, so one that was more before is unread.
func (rec *record) judge(s Sample, l limits) verdict {
	v := verdict{whole: true}
	end := len(rec.samples) - 1
	last, lastIsWhole := &rec.samples[end], end == rec.whole
	longest := (s.At.Sub(last.At) + cacheAge).Seconds()
	for i, key := range s.Layout.Keys {
		if !key.Family.IsCounter() {
			continue
		}
		before, after := last.value(s.Layout, i), s.Values[i]
		usual := before <= after && (before > 0 || after == 0 && lastIsWhole)
		if usual && (key.Family != series.VCPUSeconds || after-before <= longest) {
			continue
		}
		before, at := rec.lastKnown(s, i)
		switch {
		case math.IsNaN(after) || math.IsNaN(before):
			v.whole = false
		case after == 0 && before > 0 && key.Family.ReadsZeroUnread():
			v.unread = append(v.unread, i)
			v.whole = false
		case after < before, key.Family == series.VCPUSeconds && before > 0 && after-before > (s.At.Sub(at)+cacheAge).Seconds():
			return verdict{reset: true}
		default:
			w := rec.window(l).with(s)
			_, hasRate := w.rate(len(rec.samples), i)
			isKept := !at.Before(rec.samples[rec.reference()].At) // When this sample is whole; it may have seemed to be unplugged.
			v.whole = v.whole && hasRate && isKept
		}
	}
	v.whole = v.whole && !lacks(&s, rec.samples[rec.run:], l.reach, series.Family.IsCounter)
	return v
}

// lastKnown returns the newest value that the run has of the sample's series at
// index i, and when it was taken; NaN without one.
func (rec *record) lastKnown(s Sample, i int) (value float64, at time.Time) {
	for j := len(rec.samples) - 1; j >= rec.run; j-- {
		if value = rec.samples[j].value(s.Layout, i); !math.IsNaN(value) {
			return value, rec.samples[j].At
		}
	}
	return math.NaN(), time.Time{}
}

// lacks reports whether a sample lacks one of the wanted series that the run had
// before. What has been absent for longer than a rate reaches back was unplugged.
func lacks(s *Sample, before []Sample, reach time.Duration, wanted func(series.Family) bool) bool {
	for i := len(before) - 1; i >= 0 && s.At.Sub(before[i].At) <= reach; i-- {
		if before[i].Layout == s.Layout {
			continue
		}
		for _, key := range before[i].Layout.Keys {
			if wanted(key.Family) && s.Layout.Index(key) < 0 {
				return true
			}
		}
	}
	return false
}

// value returns the sample's value of the series at index i of a layout, NaN when
// the sample does not have it.
func (s *Sample) value(layout *series.Layout, i int) float64 {
	if s.Layout != layout {
		if i = s.Layout.Index(layout.Keys[i]); i < 0 {
			return math.NaN()
		}
	}
	return s.Values[i]
}
