package guesthttp

// ownReads takes our own reads of the page off the page's counter.
//
// Between two pages the counter has grown by all reads after the first page up
// to the second (nginx, which counts a read before it answers), or by those
// from the first on and before the second (Apache, which counts it afterwards):
// as many in both cases. They are taken off the growth and never more than it,
// so our reads make no fall and hide none: a counter that falls falls here too,
// since the offset then stays as it is.
type ownReads struct {
	source  string
	last    float64 // The counter on the last good page.
	offset  float64 // Our reads until then.
	pending float64 // Our reads since then.
}

// read counts a read.
func (o *ownReads) read() { o.pending++ }

// takeOff returns the counter of a page less our reads of it.
func (o *ownReads) takeOff(page reading) float64 {
	switch {
	case page.source != o.source:
		*o = ownReads{source: page.source} // Another counter.
	case page.countsUs && page.raw >= o.last:
		o.offset += min(o.pending, page.raw-o.last)
	}
	o.last, o.pending = page.raw, 0
	return page.raw - o.offset
}
