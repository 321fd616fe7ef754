package web

import (
	"sort"
	"time"
)

// count is what became of the requests to one address.
type count struct {
	answers []time.Duration // When, since the Load began, in ascending order.
	failed  int
	failure error // The last.
}

// count takes down what became of a request just now.
func (l *Load) count(address string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[address]
	if c == nil {
		c = &count{}
		l.counts[address] = c
	}
	if err != nil {
		c.failed++
		c.failure = err
		return
	}
	c.answers = append(c.answers, time.Since(l.began)) // In order, since the lock is held.
}

// Answered returns how many requests the address has answered in the time after
// from, up to and including to.
func (l *Load) Answered(address string, from, to time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[address]
	if c == nil {
		return 0
	}
	until := func(t time.Time) int {
		since := t.Sub(l.began)
		return sort.Search(len(c.answers), func(i int) bool { return c.answers[i] > since })
	}
	return max(0, until(to)-until(from))
}

// Count is what became of the requests to one address.
type Count struct {
	Answered int
	Failed   int
	Failure  error // The last, if any.
}

// Counts returns what became of the requests so far, by address.
func (l *Load) Counts() map[string]Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[string]Count, len(l.counts))
	for address, c := range l.counts {
		counts[address] = Count{Answered: len(c.answers), Failed: c.failed, Failure: c.failure}
	}
	return counts
}

// Unsent returns how many requests were due while too many others waited for
// their answers. They were not sent.
func (l *Load) Unsent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsent
}
