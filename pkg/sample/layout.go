package sample

import "slices"

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
}

// Index returns the place of a series in the layout, -1 if it is not there.
func (l *Layout) Index(s Series) int { return slices.Index(l.Series, s) }
