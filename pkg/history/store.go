package history

import (
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"guest-metrics-server/pkg/series"
)

// Sample is what was known of a VMI at one moment.
type Sample struct {
	At     time.Time // Keep the monotonic reading: spans are computed from it.
	Layout *series.Layout
	Values []float64 // As long as the layout, NaN where unknown.
}

// Store holds the recent samples of VMIs, by their UID. The scraping side calls
// Append for each sample of a page and Prune now and then; the answering side
// calls Window. All methods are safe for concurrent use, what they return never
// changes, and Window never waits for Append.
type Store struct {
	reach time.Duration

	mu   sync.RWMutex // Of the map, not of what is in it.
	vmis map[string]*entry
}

// entry is where the record of one VMI is.
type entry struct {
	appending sync.Mutex
	record    atomic.Pointer[record]
}

// A record is the history of one VMI. It is replaced, never changed.
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
		vmis:  make(map[string]*entry),
	}
}

// Append adds the newest sample of a VMI. The origin is where it was taken, such
// as the node: no rate reaches over from one to another. It keeps s.Values, and
// may change them. A sample that is not newer than the last is dropped.
func (st *Store) Append(uid, origin string, s Sample) {
	e := st.entry(uid)
	e.appending.Lock()
	defer e.appending.Unlock()
	if next := e.record.Load().next(origin, s, st.reach); next != nil {
		e.record.Store(next)
	}
}

// entry returns where the record of a VMI is, or will be.
func (st *Store) entry(uid string) *entry {
	st.mu.RLock()
	e := st.vmis[uid]
	st.mu.RUnlock()
	if e != nil {
		return e
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if e = st.vmis[uid]; e == nil {
		e = &entry{}
		st.vmis[uid] = e
	}
	return e
}

// next returns the record with one more sample, nil when that is no newer than
// the last.
func (rec *record) next(origin string, s Sample, reach time.Duration) *record {
	if rec == nil {
		return &record{origin: origin, current: []Sample{s}}
	}
	last := rec.current[len(rec.current)-1]
	if !s.At.After(last.At) {
		return nil
	}
	if rec.origin != origin || s.At.Sub(last.At) > reach || !continues(last, s) {
		next := &record{origin: origin, previous: rec.previous, current: []Sample{s}}
		if len(rec.current) > 1 {
			next.previous = rec.current
		}
		return next
	}
	first := 0
	for s.At.Sub(rec.current[first].At) > reach {
		first++
	}
	current := make([]Sample, 0, len(rec.current)-first+1)
	current = append(append(current, rec.current[first:]...), s)
	return &record{origin: origin, current: current}
}

// Window returns what is known of a VMI, false when nothing is.
func (st *Store) Window(uid string) (Window, bool) {
	st.mu.RLock()
	e := st.vmis[uid]
	st.mu.RUnlock()
	if e == nil {
		return Window{}, false
	}
	rec := e.record.Load()
	if rec == nil {
		return Window{}, false // It is being appended to for the first time.
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
	st.mu.RLock()
	gone := slices.DeleteFunc(slices.Collect(maps.Keys(st.vmis)), keep)
	st.mu.RUnlock()
	for _, uid := range gone {
		st.Forget(uid)
	}
}

// Size returns the number of VMIs and of samples held.
func (st *Store) Size() (vmis, samples int) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	for _, e := range st.vmis {
		if rec := e.record.Load(); rec != nil {
			vmis++
			samples += len(rec.previous) + len(rec.current)
		}
	}
	return vmis, samples
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
	for i, key := range next.Layout.Keys {
		if !key.Family.IsCounter() {
			continue
		}
		before, after := last.value(next.Layout, i), next.Values[i]
		switch {
		case math.IsNaN(before) || math.IsNaN(after):
		case after == 0 && before > 0 && key.Family.MayDip():
			unread = append(unread, i)
		case after < before:
			return false
		case key.Family == series.VCPUSeconds && after-before > longest:
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
func (s Sample) value(layout *series.Layout, i int) float64 {
	if s.Layout != layout {
		if i = s.Layout.Index(layout.Keys[i]); i < 0 {
			return math.NaN()
		}
	}
	return s.Values[i]
}
