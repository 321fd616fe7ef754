package guesthttp

// ownReads subtracts our own reads of a status page from the requests that it
// counts.
//
// Between two responses the server has counted one request per read of ours:
// nginx counts a read before it answers, so all reads after the first response
// up to the second; Apache counts it afterwards, so all reads from the first
// response on and before the second. The number is the same. It is subtracted
// from the growth of the counter, but never more than the growth. So the result
// falls exactly when the server's counter falls, as after a restart.
type ownReads struct {
	source  string
	last    float64 // The counter in the last good response.
	offset  float64 // Our reads up to then.
	pending float64 // Our reads since then.
}

// add counts a read.
func (o *ownReads) add() { o.pending++ }

// subtract returns the requests of a response without our own reads.
func (o *ownReads) subtract(r reading) float64 {
	switch {
	case r.source != o.source:
		*o = ownReads{source: r.source} // Another counter.
	case r.countsOwnReads && r.requests >= o.last:
		o.offset += min(o.pending, r.requests-o.last)
	}
	o.last, o.pending = r.requests, 0
	return r.requests - o.offset
}
