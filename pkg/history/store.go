package history

import (
	"maps"
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
// Append for each sample of a response and Prune now and then; the answering side
// calls Window. All methods are safe for concurrent use, what they return never
// changes, and Window never waits for Append.
type Store struct {
	limits limits

	mu   sync.RWMutex // Of the map, not of what is in it.
	vmis map[string]*entry
}

// entry is where the record of one VMI is.
type entry struct {
	appending sync.Mutex
	record    atomic.Pointer[record]
}

const (
	// windowSlack is how far a span may exceed the rate window: two scrapes that
	// are meant to be a window apart are never exactly that.
	windowSlack = 0.1

	// longestWindows is what a span may reach over at most, where counters could
	// not be read or the node did not answer. A longer mean says too little of now.
	longestWindows = 10

	// trueZeroWindows is for how long a 0 that may be unread must stay.
	trueZeroWindows = 2
)

// limits are what follows from the rate window.
type limits struct {
	reach    time.Duration // How far a rate reaches back.
	longest  time.Duration // How far one does that has no sample within reach.
	trueZero time.Duration // See isTrueZero.
}

// NewStore returns an empty Store whose rates span up to rateWindow.
func NewStore(rateWindow time.Duration) *Store {
	return &Store{
		limits: limits{
			reach:    rateWindow + time.Duration(windowSlack*float64(rateWindow)),
			longest:  longestWindows * rateWindow,
			trueZero: trueZeroWindows * rateWindow,
		},
		vmis: make(map[string]*entry),
	}
}

// Append adds the newest sample of a VMI. The origin is where it was taken, such
// as a stay on a node: no rate reaches over from one to another. It keeps s.Values, and
// may change them. A sample that is not newer than the last is dropped.
func (st *Store) Append(uid, origin string, s Sample) {
	e := st.entry(uid)
	e.appending.Lock()
	defer e.appending.Unlock()
	if next := e.record.Load().next(origin, s, st.limits); next != nil {
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
	return rec.window(st.limits), true
}

// Prune forgets the VMIs that are not to be kept. One that exists is worth
// keeping however old its samples are: they say since when it is unknown.
func (st *Store) Prune(keep func(uid string) bool) {
	st.mu.RLock()
	gone := slices.DeleteFunc(slices.Collect(maps.Keys(st.vmis)), keep)
	st.mu.RUnlock()
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, uid := range gone {
		delete(st.vmis, uid)
	}
}

// Size returns the number of VMIs and of samples held.
func (st *Store) Size() (vmis, samples int) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	for _, e := range st.vmis {
		if rec := e.record.Load(); rec != nil {
			vmis++
			samples += len(rec.samples)
		}
	}
	return vmis, samples
}
