package guesthttp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"

	"guest-metrics-server/pkg/exposition"
)

// The bounds of a response in the Prometheus text format.
const (
	maxSeries      = 10_000     // That match.
	maxMatchEffort = 10_000_000 // Bytes matched, times the cost of their matchers: about 50 ms.
	maxLineBytes   = 32 << 10
)

// buffers are shared by all Decoders: each borrows one during a read.
var buffers = exposition.NewBuffers(maxLineBytes)

// A summer adds up the series of counters, one response after the other.
type summer struct {
	scanner  *exposition.Scanner
	counters []counter // The preferred one first. Shared and read-only.
	sums     []sum     // One per counter.

	// The state of the current response.
	named  []*sum // The sums whose counters have the current line's name.
	series int    // That matched.
	effort int
	err    error // The first line that is too long and may belong to a counter.
}

// A sum adds up the series of one counter.
type sum struct {
	*counter

	// The state of the current response.
	series int
	value  float64
	err    error // The first series whose value is not a count.

	// The state of the current line.
	matches bool   // All matchers match, of those whose labels were read.
	seen    uint32 // The bit 1<<i is set when the label of counter.labels[i] was read.
}

func newSummer(counters []counter) *summer {
	s := &summer{scanner: exposition.NewScanner(buffers), counters: counters, sums: make([]sum, len(counters))}
	s.scanner.SkipLongLines(s.skipLongLine)
	return s
}

// read reads a response to its end. It returns the sum of the first counter that
// has series.
func (s *summer) read(r io.Reader) (reading, error) {
	s.reset(r)
	err := s.scan()
	for s.scanner.Scan() { // After an error: read the rest, so that the scanner returns its buffer.
	}
	if err := cmp.Or(err, s.scanner.Err(), s.err); err != nil {
		return reading{}, readError(err)
	}
	for i := range s.sums {
		if s.sums[i].series > 0 {
			return s.sums[i].result()
		}
	}
	return reading{}, s.nothingFound()
}

func (s *summer) reset(r io.Reader) {
	s.scanner.Reset(r)
	for i := range s.sums {
		s.sums[i] = sum{counter: &s.counters[i]}
	}
	s.named, s.series, s.effort, s.err = s.named[:0], 0, 0, nil
}

func (s *summer) nothingFound() error {
	const key = AnnotationPrefix + "series"
	if len(s.counters) == 1 {
		return fmt.Errorf("no series in the response matches %.200q: correct the annotation %s, or remove it to use a well-known counter", s.counters[0].text, key)
	}
	return fmt.Errorf("the response has none of the well-known request counters: choose one of its series with the annotation %s, such as http_requests_total", key)
}

// scan adds up all lines of the response.
func (s *summer) scan() error {
	for s.scanner.Scan() {
		if !s.scanner.SameName() {
			var err error
			if s.named, err = s.appendNamed(s.named[:0], s.scanner.Name()); err != nil {
				return err
			}
		}
		if len(s.named) == 0 {
			continue
		}
		if err := s.addLine(); err != nil {
			return err
		}
	}
	return nil
}

// appendNamed appends the sums whose counters can have series of the given name.
func (s *summer) appendNamed(named []*sum, name []byte) ([]*sum, error) {
	for i := range s.counters {
		c := &s.counters[i]
		if err := s.spend(len(name) * c.nameCost); err != nil {
			return nil, err
		}
		if c.matchesName(name) {
			named = append(named, &s.sums[i])
		}
	}
	return named, nil
}

// addLine adds the series of the current line to the sums that it matches.
func (s *summer) addLine() error {
	for _, c := range s.named {
		c.matches, c.seen = true, 0
	}
	for label, value, ok := s.scanner.NextLabel(); ok; label, value, ok = s.scanner.NextLabel() {
		if err := s.matchLabel(label, value); err != nil {
			return err
		}
	}
	value, err := s.scanner.Value()
	for _, c := range s.named {
		if !c.matches || !c.matchesWithout(c.seen) {
			continue
		}
		if s.series++; s.series > maxSeries {
			return fmt.Errorf("more than %d series match %.200q: select fewer with the annotation %sseries", maxSeries, c.text, AnnotationPrefix)
		}
		c.add(s.scanner.Name(), value, err)
	}
	return nil
}

// matchLabel applies the matchers of one label of the current line.
func (s *summer) matchLabel(label, value []byte) error {
	for _, c := range s.named {
		matchers := c.labels // Faster than a look-up for each matcher.
		for i := range matchers {
			m := &matchers[i]
			if string(label) != m.label {
				continue
			}
			if err := s.spend(len(value) * m.cost); err != nil {
				return err
			}
			c.seen |= 1 << i
			c.matches = c.matches && m.matches(value)
		}
	}
	return nil
}

// skipLongLine is called for a line that is too long to read. If the line may
// belong to a counter, that is an error: without it the sum would be smaller
// than the one before, which would look like a restart of the server.
func (s *summer) skipLongLine(line exposition.LongLine) {
	if s.err != nil {
		return
	}
	named, err := s.appendNamed(nil, line.Name)
	switch {
	case err != nil:
		s.err = err
	case len(named) > 0, len(line.Name) == 0: // Without a name it may belong to any counter.
		s.err = fmt.Errorf("%w: series %.40q has %d bytes, the limit is %d: give it fewer or shorter labels", exposition.ErrLineTooLong, line.Name, line.Bytes, maxLineBytes)
	}
}

// spend bounds the effort of matching one response.
func (s *summer) spend(effort int) error {
	if s.effort += effort; s.effort > maxMatchEffort {
		return errors.New("matching its series takes too long: use = and != or shorter regular expressions in the selector, or expose fewer series")
	}
	return nil
}

// add adds a series with the given value, or the error of reading it. A value
// that is not a count makes the whole sum an error: without it the sum would be
// smaller than the one before, which would look like a restart of the server.
func (s *sum) add(name []byte, value float64, err error) {
	s.series++
	switch {
	case s.err != nil:
	case err != nil:
		s.err = fmt.Errorf("series %.40q cannot be read: its labels are malformed, or its value is not a number", name)
	case !isCount(value):
		s.err = fmt.Errorf("series %.40q has the value %v, which is not a count of requests: choose other series with the annotation %sseries", name, value, AnnotationPrefix)
	default:
		s.value += value
	}
}

// result returns the sum, or an error if it is not a count.
func (s *sum) result() (reading, error) {
	if s.err != nil {
		return reading{}, s.err
	}
	if !isCount(s.value) {
		return reading{}, fmt.Errorf("the series add up to %v, which is not a count of requests", s.value)
	}
	return reading{source: s.text, requests: math.Floor(s.value), countsOwnReads: s.countsOwnReads, connections: math.NaN()}, nil
}
