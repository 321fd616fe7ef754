package domainstats

import (
	"runtime"
	"slices"
	"sync"
	"weak"

	"guest-metrics-server/pkg/series"
)

// layouts lets samples of the same shape share one Layout, whichever response
// they are of. A Layout that no sample uses is forgotten: names of mount points come
// from guests, and must not pile up.
var layouts = layoutTable{byHash: make(map[uint64]weak.Pointer[series.Layout])}

type layoutTable struct {
	mu     sync.Mutex
	byHash map[uint64]weak.Pointer[series.Layout]
}

// share returns the Layout of the series, whose hash is given.
func (t *layoutTable) share(hash uint64, all []borrowedKey) *series.Layout {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.byHash[hash].Value(); known != nil && slices.EqualFunc(known.Keys, all, sameKey) {
		return known
	}
	made := &series.Layout{Keys: make([]series.Key, len(all))}
	for i, s := range all {
		made.Keys[i] = series.Key{Family: s.family, Device: string(s.device)}
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

func sameKey(a series.Key, b borrowedKey) bool {
	return a.Family == b.family && a.Device == string(b.device)
}

// hashOf continues a hash (FNV-1a) with a series.
func hashOf(hash uint64, family series.Family, device []byte) uint64 {
	const prime = 1099511628211
	hash = (hash ^ uint64(family) ^ 0x100) * prime
	for _, c := range device {
		hash = (hash ^ uint64(c)) * prime
	}
	return hash
}
