package domainstats

import (
	"runtime"
	"slices"
	"sync"
	"weak"

	"guest-metrics-server/pkg/sample"
)

// layouts lets samples of the same shape share one Layout, whichever page they
// are of. A Layout that no sample uses is forgotten: names of mount points come
// from guests, and must not pile up.
var layouts = layoutTable{byHash: make(map[uint64]weak.Pointer[sample.Layout])}

type layoutTable struct {
	mu     sync.Mutex
	byHash map[uint64]weak.Pointer[sample.Layout]
}

// share returns the Layout of the series, whose hash is given.
func (t *layoutTable) share(hash uint64, all []series) *sample.Layout {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.byHash[hash].Value(); known != nil && slices.EqualFunc(known.Series, all, sameSeries) {
		return known
	}
	made := &sample.Layout{Series: make([]sample.Series, len(all))}
	for i, s := range all {
		made.Series[i] = sample.Series{Family: s.family, Instance: string(s.instance)}
	}
	t.byHash[hash] = weak.Make(made)
	runtime.AddCleanup(made, t.forget, hash)
	return made
}

// forget removes what is no longer used.
func (t *layoutTable) forget(hash uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byHash[hash].Value() == nil {
		delete(t.byHash, hash)
	}
}

func sameSeries(a sample.Series, b series) bool {
	return a.Family == b.family && a.Instance == string(b.instance)
}

// hashOf continues a hash (FNV-1a) with a series.
func hashOf(hash uint64, family sample.Family, instance []byte) uint64 {
	const prime = 1099511628211
	hash = (hash ^ uint64(family) ^ 0x100) * prime
	for _, c := range instance {
		hash = (hash ^ uint64(c)) * prime
	}
	return hash
}
