package sample

import (
	"slices"
	"sync"
)

// Series names one series of a VMI: a family and, where a VMI has several of
// the family, which one (a vCPU's id, an interface, a drive).
type Series struct {
	Family   Family
	Instance string
}

// Layout is the list of a sample's series. VMIs of the same shape share one,
// sample after sample, so that two samples with the same Layout pointer can be
// compared place by place. It is immutable.
type Layout struct {
	Series []Series

	once   sync.Once
	places map[Series]int
}

// mapped is the number of series from which on a map finds one faster.
const mapped = 64

// Index returns the place of a series in the layout, -1 if it is not there. The
// layouts of a VMI whose guest has thousands of filesystems are compared series by
// series when they change, so it must not look at all of them each time.
func (l *Layout) Index(s Series) int {
	if len(l.Series) < mapped {
		return slices.Index(l.Series, s)
	}
	l.once.Do(func() {
		l.places = make(map[Series]int, len(l.Series))
		for i, s := range l.Series {
			l.places[s] = i
		}
	})
	if i, ok := l.places[s]; ok {
		return i
	}
	return -1
}
