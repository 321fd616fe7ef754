package guesthttp

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"math/bits"
	"slices"
	"sync"

	"guest-metrics-server/pkg/exposition"
)

// The bounds of a response in the Prometheus text format.
const (
	maxSeries      = 10_000     // That match.
	maxMatchEffort = 10_000_000 // Bytes matched, times the cost of their matchers: about 50 ms.
	maxLineBytes   = 32 << 10
	maxSparePlaces = 1000 // For series, in a collector that waits for its next response.
)

// startTime is the series with which the client libraries of Prometheus say when
// their process started, in seconds since 1970.
const startTime = "process_start_time_seconds"

// buffers are shared by all collectors: each borrows one during a read.
var buffers = exposition.NewBuffers(maxLineBytes)

// A series is a counter with its labels, as one response has it.
type series struct {
	id    uint64 // Stands for its name and its labels, in any order.
	value float64
}

// A collector collects the series of counters from a response. Decoders borrow
// one for each response.
type collector struct {
	scanner *exposition.Scanner
	found   []found  // One per counter, the preferred one first.
	named   []*found // Those whose counters have the current line's name.
	matched int      // Series that matched.
	effort  int
	started float64 // When the server's process started, 0 if the response does not say so.
	err     error   // The first line that is too long and may belong to a counter.
}

// found is what a response has of one counter.
type found struct {
	*counter
	series []series
	err    error // The first series whose value is not a count.

	// The state of the current line.
	matches bool   // All matchers match, of those whose labels were read.
	seen    uint32 // The bit 1<<i is set when the label of counter.labels[i] was read.
}

var collectors = sync.Pool{New: func() any {
	c := &collector{scanner: exposition.NewScanner(buffers)}
	c.scanner.SkipLongLines(c.skipLongLine)
	return c
}}

// collect reads a response to its end. It returns the series of the first of the
// counters that has any. They are valid until the next call.
func (c *collector) collect(r io.Reader, counters []counter) (reading, error) {
	c.reset(r, counters)
	err := c.scan()
	for c.scanner.Scan() { // After an error: read the rest, so that the scanner returns its buffer.
	}
	if err := cmp.Or(err, c.scanner.Err(), c.err); err != nil {
		return reading{}, readError(err)
	}
	for i := range c.found {
		if f := &c.found[i]; len(f.series) > 0 || f.err != nil {
			r, err := f.reading()
			r.started = c.started
			return r, err
		}
	}
	return reading{}, nothingFound(counters)
}

func (c *collector) reset(r io.Reader, counters []counter) {
	c.scanner.Reset(r)
	c.found = slices.Grow(c.found[:0], len(counters))[:len(counters)]
	for i := range c.found {
		spare := c.found[i].series[:0]
		if cap(spare) > maxSparePlaces {
			spare = nil
		}
		c.found[i] = found{counter: &counters[i], series: spare}
	}
	c.named, c.matched, c.effort, c.started, c.err = c.named[:0], 0, 0, 0, nil
}

func nothingFound(counters []counter) error {
	const key = AnnotationPrefix + "series"
	if len(counters) == 1 {
		return fmt.Errorf("no series in the response matches %.200q: correct the annotation %s, or remove it to use a well-known counter", counters[0].text, key)
	}
	return fmt.Errorf("the response has none of the well-known request counters: choose one of its series with the annotation %s, such as http_requests_total", key)
}

// scan collects from all lines of the response.
func (c *collector) scan() error {
	for c.scanner.Scan() {
		if !c.scanner.SameName() {
			var err error
			if c.named, err = c.appendNamed(c.named[:0], c.scanner.Name()); err != nil {
				return err
			}
		}
		if string(c.scanner.Name()) == startTime && len(c.scanner.RawLabels()) == 0 {
			c.started, _ = c.scanner.Value()
		}
		if len(c.named) == 0 {
			continue
		}
		if err := c.collectLine(); err != nil {
			return err
		}
	}
	return nil
}

// appendNamed appends what there is of the counters that can have series of the
// given name.
func (c *collector) appendNamed(named []*found, name []byte) ([]*found, error) {
	for i := range c.found {
		f := &c.found[i]
		if err := c.spend(len(name) * f.nameCost); err != nil {
			return nil, err
		}
		if f.matchesName(name) {
			named = append(named, f)
		}
	}
	return named, nil
}

// collectLine adds the series of the current line to the counters that it matches.
func (c *collector) collectLine() error {
	for _, f := range c.named {
		f.matches, f.seen = true, 0
	}
	name := c.scanner.Name()
	id := maphash.Bytes(nameSeed, name)
	for label, value, ok := c.scanner.NextLabel(); ok; label, value, ok = c.scanner.NextLabel() {
		id += labelHash(label, value)
		for _, f := range c.named {
			if err := c.spend(f.matchLabel(label, value)); err != nil {
				return err
			}
		}
	}
	value, err := c.scanner.Value()
	for _, f := range c.named {
		if !f.matches || !f.matchesWithout(f.seen) {
			continue
		}
		if c.matched++; c.matched > maxSeries {
			return fmt.Errorf("more than %d series match %.200q: select fewer with the annotation %sseries", maxSeries, f.text, AnnotationPrefix)
		}
		f.add(name, series{id, value}, err)
	}
	return nil
}

// The seeds are secret, so that no guest can make series of the same id.
var nameSeed, valueSeed = maphash.MakeSeed(), maphash.MakeSeed()

// labelHash returns the hash of a label. The hashes of a series' labels are added
// up, so that their order makes no difference.
func labelHash(label, value []byte) uint64 {
	high, low := bits.Mul64(maphash.Bytes(nameSeed, label), maphash.Bytes(valueSeed, value))
	return high ^ low
}

// matchLabel applies the matchers of one label of the current line. It returns
// the effort that this took.
func (f *found) matchLabel(label, value []byte) (effort int) {
	for i := range f.labels { // Faster than a look-up.
		m := &f.labels[i]
		if string(label) != m.label {
			continue
		}
		effort += len(value) * m.cost
		f.seen |= 1 << i
		f.matches = f.matches && m.matches(value)
	}
	return effort
}

// skipLongLine is called for a line that is too long to read. It is an error if
// the line may belong to a counter.
func (c *collector) skipLongLine(line exposition.LongLine) {
	if c.err != nil {
		return
	}
	named, err := c.appendNamed(nil, line.Name)
	switch {
	case err != nil:
		c.err = err
	case len(named) > 0, len(line.Name) == 0: // Without a name it may belong to any counter.
		c.err = fmt.Errorf("%w: series %.40q has %d bytes, the limit is %d: give it fewer or shorter labels", exposition.ErrLineTooLong, line.Name, line.Bytes, maxLineBytes)
	}
}

// spend bounds the effort of matching one response.
func (c *collector) spend(effort int) error {
	if c.effort += effort; c.effort > maxMatchEffort {
		return errors.New("matching its series takes too long: use = and != or shorter regular expressions in the selector, or expose fewer series")
	}
	return nil
}

// add adds a series, or the error of reading its value.
func (f *found) add(name []byte, s series, err error) {
	switch {
	case f.err != nil:
	case err != nil:
		f.err = fmt.Errorf("series %.40q cannot be read: its labels are malformed, or its value is not a number", name)
	case !isCount(s.value):
		f.err = fmt.Errorf("series %.40q has the value %v, which is not a count of requests: choose other series with the annotation %sseries", name, s.value, AnnotationPrefix)
	default:
		f.series = append(f.series, s)
	}
}

// reading returns the series, or an error if they do not make a count together.
func (f *found) reading() (reading, error) {
	if f.err != nil {
		return reading{}, f.err
	}
	sum := 0.0
	for _, s := range f.series {
		sum += s.value
	}
	if !isCount(sum) {
		return reading{}, fmt.Errorf("the series add up to %v, which is not a count of requests", sum)
	}
	return reading{source: f.text, series: f.series, countsOwnReads: f.countsOwnReads, connections: math.NaN()}, nil
}
