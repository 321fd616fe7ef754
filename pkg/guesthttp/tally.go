package guesthttp

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// rememberedFor is for how many responses a series that is missing keeps its last
// value: 5 minutes at the default interval.
const rememberedFor = 20

// maxStartShift is by how many seconds the time at which a process started may
// shift: some libraries compute it anew each time, from a clock that is corrected.
const maxStartShift = 2

// A tally counts the requests of one status page from its responses.
//
// It adds up by how much each series grows, as Prometheus does: a series that
// falls was reset and has grown by its new value, and a new one began at zero. A
// series that is missing keeps its value for a while. When none of the series of
// the last response goes on and some have begun, or the process has another start
// time, the whole server was restarted. The tally begins anew then: what all series
// count is taken as the base, and none of it as growth.
//
// Our own reads are subtracted from the growth, never more than there is. Between
// two responses the server has counted one request per read of ours: nginx counts
// a read before it answers, so all reads after the first response up to the
// second; Apache counts it afterwards, so all reads from the first response on and
// before the second. The number is the same.
type tally struct {
	source     string
	series     []known // By id. At most maxSeries.
	requests   float64 // Since the tally began anew.
	ownReads   float64 // Since the last response.
	started    float64 // As in reading.
	phase      phase
	incomplete bool // The last response was.
	unsure     int  // For how many more responses the series are too many to count.
}

// phase is how much of the base a tally has.
type phase uint8

const (
	noBase    phase = iota // No response yet.
	firstBase              // One response, which may have lacked series.
	fullBase
)

// known is what is remembered of a series.
type known struct {
	series
	missing uint8 // For how many responses.
	grew    bool  // In the last response that had it.
	old     bool  // Its value is from before the tally began anew: the base lacked it.
	older   bool  // And so did the response before.
}

// A growth is how the series of a response differ from those that are known.
type growth struct {
	requests  float64
	appeared  bool // There is a new series, with requests.
	continued bool // A series goes on from a value above 0.
	ended     bool // A series of the last response has fallen or is missing.
	fell      bool // A series has fallen.
	missing   bool // A series is missing for the first time which grew before: it may be growing still.
}

var errIncomplete = errors.New("the response lacks a series that counted requests in the one before: the next one is awaited")

// addRead counts a read of ours.
func (t *tally) addRead() { t.ownReads++ }

// add takes in a response. It returns the requests since the tally began anew,
// and whether it did so now. An error says why they cannot be known.
func (t *tally) add(r reading) (requests float64, anew bool, err error) {
	if r.source != t.source {
		*t = tally{source: r.source}
	}
	g := t.merge(r.series)
	if r.countsOwnReads {
		g.requests -= min(t.ownReads, g.requests)
	}
	t.ownReads = 0
	if err := t.bound(len(r.series)); err != nil {
		return 0, false, err
	}
	restarted := g.ended && !g.continued && (g.fell || g.appeared) || r.started > 0 && t.started > 0 && math.Abs(r.started-t.started) > maxStartShift
	t.started = r.started
	switch {
	case t.phase == noBase, restarted, t.requests+g.requests > maxCount:
		t.phase, t.requests, anew = firstBase, 0, true
	case t.phase == firstBase && g.appeared:
		t.phase, t.requests, anew = fullBase, 0, true
	default:
		t.phase = fullBase
		t.requests += g.requests
	}
	if anew {
		t.markOld()
	}
	t.incomplete = g.missing && !anew && !t.incomplete // Never twice: series come and go for good, too.
	if t.incomplete {
		return 0, false, errIncomplete
	}
	return math.Floor(t.requests), anew, nil
}

// markOld marks the series that are missing from the base.
func (t *tally) markOld() {
	for i := range t.series {
		k := &t.series[i]
		k.old, k.older = k.missing > 0, k.missing > 1
	}
}

// merge remembers the series of a response, which it sorts, and returns how they
// differ from those before.
func (t *tally) merge(response []series) growth {
	slices.SortFunc(response, func(a, b series) int { return cmp.Compare(a.id, b.id) })
	var g growth
	before := t.series
	t.series = make([]known, 0, max(len(before), len(response)))
	for len(before) > 0 || len(response) > 0 {
		switch {
		case len(response) == 0, len(before) > 0 && before[0].id < response[0].id:
			if k := g.addMissing(before[0]); k.missing < rememberedFor {
				t.series = append(t.series, k)
			}
			before = before[1:]
		case len(before) == 0, response[0].id < before[0].id:
			var s series
			s, response = cutFirst(response)
			t.series = append(t.series, g.addNew(s))
		default:
			var s series
			s, response = cutFirst(response)
			t.series = append(t.series, g.addKnown(before[0], s))
			before = before[1:]
		}
	}
	return g
}

// cutFirst returns the first series, with the values of all lines that it has,
// and the others.
func cutFirst(sorted []series) (first series, rest []series) {
	first, rest = sorted[0], sorted[1:]
	for len(rest) > 0 && rest[0].id == first.id {
		first.value += rest[0].value
		rest = rest[1:]
	}
	return first, rest
}

func (g *growth) addNew(s series) known {
	g.requests += s.value
	g.appeared = g.appeared || s.value > 0
	return known{series: s, grew: s.value > 0}
}

func (g *growth) addKnown(before known, s series) known {
	grown, fell := s.value-before.value, s.value < before.value
	switch {
	case fell:
		grown, g.fell = s.value, true
		g.ended = g.ended || before.missing == 0
	case before.value > 0:
		g.continued = true
	}
	if before.older || before.old && !fell {
		grown = 0 // Some of it is from before the base.
	}
	g.requests += grown
	return known{series: s, grew: grown > 0}
}

func (g *growth) addMissing(k known) known {
	if k.missing == 0 {
		g.ended = g.ended || k.value > 0
		g.missing = g.missing || k.grew
	}
	k.missing++
	return k
}

// bound bounds the memory of series that come and go. If there are too many, it
// forgets those that are missing. A series that was forgotten would seem to be new
// when it is back, with all that it ever counted. So nothing is known until it
// would have been forgotten anyhow.
func (t *tally) bound(inResponse int) error {
	if len(t.series) > maxSeries {
		t.series = slices.DeleteFunc(t.series, func(k known) bool { return k.missing > 0 })
		t.unsure = rememberedFor
	}
	if t.unsure == 0 {
		return nil
	}
	t.unsure--
	t.phase = noBase
	return fmt.Errorf("its series come and go: this response has %d, and the %d responses before it had more than %d in all: select series with fewer label values, with the annotation %sseries",
		inResponse, rememberedFor, maxSeries, AnnotationPrefix)
}
