package history

import (
	"math"
	"sync"
	"time"

	"guest-metrics-server/pkg/sample"
)

// Sample is what was known of a VMI at one moment.
type Sample struct {
	At     time.Time // Keep the monotonic reading: spans are computed from it.
	Layout *sample.Layout
	Values []float64 // As long as the layout, NaN where unknown.
}

// Store holds the recent samples of VMIs, by their UID. The scraping side calls
// Append for each sample of a page and Prune now and then; the answering side
// calls Window. All methods are safe for concurrent use, and what they return
// never changes.
type Store struct {
	reach time.Duration

	mu   sync.RWMutex
	vmis map[string]record
}

// A record is the history of one VMI. Its slices are replaced, never changed.
//
// A run is a list of samples, oldest first, without a reset between them. When
// a run has just begun, the one before it still tells the latest rate.
type record struct {
	origin            string
	previous, current []Sample
}

// windowSlack is how far a span may exceed the rate window: two scrapes that
// are meant to be a window apart are never exactly that.
const windowSlack = 0.1

// NewStore returns an empty Store whose rates span up to rateWindow.
func NewStore(rateWindow time.Duration) *Store {
	return &Store{
		reach: rateWindow + time.Duration(windowSlack*float64(rateWindow)),
		vmis:  make(map[string]record),
	}
}

// Append adds the newest sample of a VMI. The origin is where it was taken, such
// as the node: no rate reaches over from one to another. It keeps s.Values, and
// may change them. A sample that is not newer than the last is dropped.
func (st *Store) Append(uid, origin string, s Sample) {
	st.mu.Lock()
	defer st.mu.Unlock()
	rec, known := st.vmis[uid]
	if !known || len(rec.current) == 0 {
		st.vmis[uid] = record{origin: origin, current: []Sample{s}}
		return
	}
	last := rec.current[len(rec.current)-1]
	if !s.At.After(last.At) {
		return
	}
	if rec.origin != origin || s.At.Sub(last.At) > st.reach || !continues(last, s) {
		if len(rec.current) > 1 {
			rec.previous = rec.current
		}
		st.vmis[uid] = record{origin: origin, previous: rec.previous, current: []Sample{s}}
		return
	}
	first := 0
	for s.At.Sub(rec.current[first].At) > st.reach {
		first++
	}
	current := make([]Sample, 0, len(rec.current)-first+1)
	current = append(append(current, rec.current[first:]...), s)
	st.vmis[uid] = record{origin: origin, current: current}
}

// Window returns what is known of a VMI, false when nothing is.
func (st *Store) Window(uid string) (Window, bool) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	rec, ok := st.vmis[uid]
	if !ok {
		return Window{}, false
	}
	run := rec.current
	if len(run) < 2 && rec.previous != nil {
		run = rec.previous
	}
	return Window{run: run, newest: rec.current[len(rec.current)-1]}, true
}

// Forget drops what is known of a VMI.
func (st *Store) Forget(uid string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.vmis, uid)
}

// Prune forgets the VMIs that are not to be kept. One that exists is worth
// keeping however old its samples are: they tell since when it is unknown.
func (st *Store) Prune(keep func(uid string) bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for uid := range st.vmis {
		if !keep(uid) {
			delete(st.vmis, uid)
		}
	}
}

// Size returns the number of VMIs and of samples held.
func (st *Store) Size() (vmis, samples int) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	for _, rec := range st.vmis {
		samples += len(rec.previous) + len(rec.current)
	}
	return len(st.vmis), samples
}

// cacheAge is how old domain stats can be on the page: the launcher caches them
// for 3.25 s and a collection takes up to 5 s when another launcher hangs.
const cacheAge = 8250 * time.Millisecond

// continues tells whether the counters of next go on from those of last. They
// do not when QEMU was started anew: any counter that is lower says so, and so
// does a vCPU that ran for longer than the time between the samples.
//
// libvirt answers 0 for a counter that it could not read. Where the others go on,
// such a zero is marked unknown in next, so that neither the fall nor the rise
// after it counts.
func continues(last, next Sample) bool {
	longest := (next.At.Sub(last.At) + cacheAge).Seconds()
	var unread []int
	for i, series := range next.Layout.Series {
		if !series.Family.IsCounter() {
			continue
		}
		before, after := last.value(next.Layout, i), next.Values[i]
		switch {
		case math.IsNaN(before) || math.IsNaN(after):
		case after == 0 && before > 0 && series.Family.MayDip():
			unread = append(unread, i)
		case after < before:
			return false
		case series.Family == sample.VCPUSeconds && after-before > longest:
			return false
		}
	}
	for _, i := range unread {
		next.Values[i] = math.NaN()
	}
	return true
}

// value returns the sample's value of the series at place i of a layout, NaN
// when the sample does not have it.
func (s Sample) value(layout *sample.Layout, i int) float64 {
	if s.Layout != layout {
		if i = s.Layout.Index(layout.Series[i]); i < 0 {
			return math.NaN()
		}
	}
	return s.Values[i]
}
