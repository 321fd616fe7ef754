package domainstats

import (
	"hash/maphash"
	"slices"

	"guest-metrics-server/pkg/sample"
)

// layouts lets the samples of one page share their layouts and strings with
// each other and with the page before. It forgets what the last page did not
// use: names of mount points come from guests, and must not pile up.
type layouts struct {
	seed     maphash.Seed
	known    map[uint64]*sample.Layout
	used     map[uint64]*sample.Layout
	strings  map[string]string
	usedStrs map[string]string
}

func newLayouts() layouts {
	return layouts{
		seed:     maphash.MakeSeed(),
		known:    make(map[uint64]*sample.Layout),
		used:     make(map[uint64]*sample.Layout),
		strings:  make(map[string]string),
		usedStrs: make(map[string]string),
	}
}

// share returns the Layout of the series, an earlier one where it can.
func (l *layouts) share(series []sample.Series) *sample.Layout {
	var h maphash.Hash
	h.SetSeed(l.seed)
	for _, s := range series {
		maphash.WriteComparable(&h, s)
	}
	sum := h.Sum64()
	for _, generation := range []map[uint64]*sample.Layout{l.used, l.known} {
		if found, ok := generation[sum]; ok && slices.Equal(found.Series, series) {
			l.used[sum] = found
			return found
		}
	}
	made := &sample.Layout{Series: slices.Clone(series)}
	l.used[sum] = made
	return made
}

// intern returns b as a string, an earlier one where it can.
func (l *layouts) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := l.usedStrs[string(b)]; ok {
		return s
	}
	s, ok := l.strings[string(b)]
	if !ok {
		s = string(b)
	}
	l.usedStrs[s] = s
	return s
}

func (l *layouts) endPage() {
	l.known, l.used = l.used, l.known
	clear(l.used)
	l.strings, l.usedStrs = l.usedStrs, l.strings
	clear(l.usedStrs)
}
