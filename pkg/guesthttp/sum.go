package guesthttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"guest-metrics-server/pkg/exposition"
)

// The bounds of a page of series.
const (
	maxSeries      = 10_000     // That match.
	maxMatchEffort = 10_000_000 // Bytes matched, times the size of what they were matched with: a twentieth of a second.
	maxCount       = 1 << 53    // Above it a float64 no longer counts by ones.
	maxLineBytes   = 32 << 10
)

// buffers are those of all guests that are read at a time.
var buffers = exposition.NewBuffers(maxLineBytes)

// summer sums the series of pages.
type summer struct {
	wanted  []wanted
	scanner *exposition.Scanner
	name    []byte // Of the last line: the lines of a family follow each other.
	named   []candidate

	sums   []sum // One for each of wanted.
	series int
	effort int
	long   error // A line that may be of a wanted counter and is too long.
}

// A sum is what a page says of one wanted counter.
type sum struct {
	series int
	value  float64
	err    error // The first series without sense.
}

// A candidate is a wanted counter that has the name of the line.
type candidate struct {
	index   int
	matched bool   // By all labels so far.
	seen    uint32 // The label matchers whose label was there.
}

func newSummer(all []wanted) *summer {
	s := &summer{wanted: all, scanner: exposition.NewScanner(buffers), sums: make([]sum, len(all))}
	s.scanner.SkipLongLines(s.skipLong)
	return s
}

// skipLong skips a line that is too long, unless it is of a wanted counter:
// without it the sum would be smaller than the one before, as after a restart.
func (s *summer) skipLong(line exposition.LongLine) {
	of := line.Name
	matches := len(of) == 0 // It may have any name.
	for i := range s.wanted {
		w := &s.wanted[i]
		if s.long == nil {
			s.long = s.spend(len(of) * w.nameCost())
		}
		matches = matches || s.long == nil && w.matchesName(of)
	}
	if matches && s.long == nil {
		s.long = fmt.Errorf("%w: %d bytes of a series %.40q, more than the %d that are read: let it have fewer or shorter labels", exposition.ErrLineTooLong, line.Bytes, of, maxLineBytes)
	}
}

// read reads a page to its end. It returns the index of the first wanted counter
// that has series, and their sum.
func (s *summer) read(r io.Reader) (int, float64, error) {
	clear(s.sums)
	s.name, s.named, s.series, s.effort, s.long = s.name[:0], s.named[:0], 0, 0, nil
	s.scanner.Reset(r)
	err := s.scan()
	for s.scanner.Scan() { // Only after an error: the scanner gives its buffer back at the end.
	}
	if err == nil {
		err = s.scanner.Err()
	}
	if err == nil {
		err = s.long
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the page: %w", err)
	}
	for i, sum := range s.sums {
		if sum.series > 0 {
			return i, math.Floor(sum.value), sum.problem()
		}
	}
	return 0, 0, s.nothingFound()
}

func (s *summer) nothingFound() error {
	const key = AnnotationPrefix + "series"
	if len(s.wanted) == 1 {
		return fmt.Errorf("no series on the page matches %.200q: correct the annotation %s, or leave it out to use a well-known counter", s.wanted[0].text, key)
	}
	return fmt.Errorf("none of the well-known request counters is on the page: choose one of its series with the annotation %s, such as http_requests_total", key)
}

func (s *summer) scan() error {
	for s.scanner.Scan() {
		if !bytes.Equal(s.scanner.Name(), s.name) || len(s.name) == 0 {
			if err := s.nextFamily(); err != nil {
				return err
			}
		}
		if len(s.named) == 0 {
			continue
		}
		if err := s.add(); err != nil {
			return err
		}
	}
	return nil
}

// nextFamily finds the wanted counters that have the line's name.
func (s *summer) nextFamily() error {
	s.name = append(s.name[:0], s.scanner.Name()...)
	s.named = s.named[:0]
	for i := range s.wanted {
		w := &s.wanted[i]
		if err := s.spend(len(s.name) * w.nameCost()); err != nil {
			return err
		}
		if w.matchesName(s.name) {
			s.named = append(s.named, candidate{index: i})
		}
	}
	return nil
}

// add adds the line's series to the counters that want it.
func (s *summer) add() error {
	for i := range s.named {
		s.named[i].matched, s.named[i].seen = true, 0
	}
	for label, value, ok := s.scanner.NextLabel(); ok; label, value, ok = s.scanner.NextLabel() {
		if err := s.match(label, value); err != nil {
			return err
		}
	}
	value, err := s.scanner.Value()
	for i := range s.named {
		c := &s.named[i]
		if w := &s.wanted[c.index]; c.matched && w.matchesWithout(c.seen) {
			if s.series++; s.series > maxSeries {
				return fmt.Errorf("more than %d series match %.200q: choose fewer of them with the annotation %sseries", maxSeries, w.text, AnnotationPrefix)
			}
			s.sums[c.index].add(s.name, value, err)
		}
	}
	return nil
}

// match matches one label of the line with all that ask for it.
func (s *summer) match(label, value []byte) error {
	for i := range s.named {
		c := &s.named[i]
		labels := s.wanted[c.index].labels
		for j := range labels {
			m := &labels[j]
			if string(label) != m.label {
				continue
			}
			if err := s.spend(len(value) * m.cost); err != nil {
				return err
			}
			c.seen |= 1 << j
			c.matched = c.matched && m.matches(value)
		}
	}
	return nil
}

// spend bounds what matching a page may cost.
func (s *summer) spend(effort int) error {
	if s.effort += effort; s.effort > maxMatchEffort {
		return errors.New("matching the page's series takes too long: use = and != or shorter regular expressions in the selector, or a page with fewer series")
	}
	return nil
}

// matchesWithout tells whether the label matchers whose label was not there
// match the empty string that stands for it.
func (s *selector) matchesWithout(seen uint32) bool {
	for i := range s.labels {
		if seen&(1<<i) == 0 && !s.labels[i].matches(nil) {
			return false
		}
	}
	return true
}

// add adds a series. One whose value makes no sense makes the sum senseless:
// without it the sum would be smaller than the one before, as after a restart.
func (s *sum) add(name []byte, value float64, err error) {
	s.series++
	switch {
	case s.err != nil:
	case err != nil:
		s.err = fmt.Errorf("a series %.40q cannot be read: its labels are malformed, or its value is no number", name)
	case !isCount(value):
		s.err = fmt.Errorf("a series %.40q has the value %v, which is no count of requests: choose others with the annotation %sseries", name, value, AnnotationPrefix)
	default:
		s.value += value
	}
}

// problem says what makes the sum senseless.
func (s *sum) problem() error {
	if s.err == nil && !isCount(s.value) {
		return fmt.Errorf("the series add up to %v, which is no count of requests", s.value)
	}
	return s.err
}

// isCount tells whether a value can be that of a counter of requests.
func isCount(value float64) bool {
	return value >= 0 && value <= maxCount // Not so NaN.
}
