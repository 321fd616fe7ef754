package series

import (
	"slices"
	"sync"
)

// Key names one series of a VMI: a family and, where a VMI has several of the
// family, the device (a vCPU's id, an interface, a drive, a mount point).
type Key struct {
	Family Family
	Device string
}

// Layout is the list of a sample's series. VMIs of the same shape share one,
// sample after sample, so that two samples with the same Layout pointer can be
// compared index by index. It is immutable.
type Layout struct {
	Keys []Key

	once    sync.Once
	indexes map[Key]int
}

// mapped is the number of series from which on a map finds one faster.
const mapped = 64

// Index returns the index of a series in the layout, -1 if it is not there. The
// layouts of a VMI whose guest has thousands of filesystems are compared series by
// series when they change, so it must not look at all of them each time.
func (l *Layout) Index(k Key) int {
	if len(l.Keys) < mapped {
		return slices.Index(l.Keys, k)
	}
	l.once.Do(func() {
		l.indexes = make(map[Key]int, len(l.Keys))
		for i, k := range l.Keys {
			l.indexes[k] = i
		}
	})
	if i, ok := l.indexes[k]; ok {
		return i
	}
	return -1
}
