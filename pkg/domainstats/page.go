package domainstats

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"guest-metrics-server/pkg/exposition"
	"guest-metrics-server/pkg/series"
)

// Sample is what a page says of one VMI.
type Sample struct {
	Namespace, Name string // Of the VMI. A name can be reused by another VMI.

	Layout *series.Layout
	Values []float64 // As long as the layout. NaN where the page's value makes no sense.
}

// Page is what Decode made of a page.
type Page struct {
	Samples   []Sample    // In the order in which the page first names the VMIs.
	Oversized []Oversized // In the same order. What is listed here no sample has a part of.
	Malformed int         // Lines that could not be read; each costs one series of one VMI.
	Problem   error       // What was wrong with the first of them.
}

// Decode reads a page to its end. A page that breaks off gives an error and no
// sample, since nothing tells which of its VMIs are whole. It is safe for
// concurrent use.
func Decode(r io.Reader) (Page, error) {
	d := decoders.Get().(*decoder)
	page, err := d.decode(r)
	d.page = Page{}
	if !d.swollen() {
		decoders.Put(d)
	}
	return page, err
}

var decoders = sync.Pool{New: func() any { return newDecoder() }}

func newDecoder() *decoder {
	d := &decoder{byKey: make(map[string]int), later: make(map[seriesKey]int)}
	d.scanner.SkipLongLines(d.skipLong)
	return d
}

var familyOf = series.VirtHandlerFamilies()

// decoder is what one page is decoded with.
//
// Nearly all of a line are labels that users chose, and those of a VMI are on
// each of its lines. So labels are looked at one by one only where a VMI or a
// family is new. After that a line is recognised by what its labels end with: the
// labels name and namespace of a VMI (its tail), and after these what all lines
// of the family have (the trailer). No part of a label's value can look like
// that, since quotes are escaped there.
type decoder struct {
	scanner      exposition.Scanner
	byKey        map[string]int // namespace/name -> place in vmis.
	vmis         []vmi
	last         int               // The place of the last line's VMI.
	later        map[seriesKey]int // The place of each series that is not among the firstSeries.
	page         Page
	trailer      []byte
	trailerKnown bool
	bytes        []byte // What vmis and their series point to.
	name, key    []byte
	device       []byte
	careful      bool // Recognise nothing: for tests.
}

// vmi is a VMI of the page that is being read.
type vmi struct {
	namespace, name string
	tail            []byte // ,name="...",namespace="..." as it stands on the page; nil when it does not so.
	keys            []borrowedKey
	values          []float64
	hash            uint64 // Of the series.

	family    series.Family // Of the last series, and those from this place on.
	from      int
	nameBytes int // Of their deviceLabels.
	oversized []Oversized
}

type borrowedKey struct {
	family series.Family
	device []byte
}

func (d *decoder) decode(r io.Reader) (Page, error) {
	clear(d.byKey)
	clear(d.later)
	d.vmis, d.bytes, d.page = d.vmis[:0], d.bytes[:0], Page{}
	s := &d.scanner
	s.Reset(r)
	var family series.Family
	var wanted bool
	for s.Scan() {
		if !s.SameName() {
			family, wanted = familyOf[string(s.Name())]
			d.trailerKnown = false
		}
		if !wanted {
			s.SkipFamily()
			continue
		}
		if err := d.add(family); err != nil {
			d.malformed(err)
		}
	}
	if err := s.Err(); err != nil {
		return Page{}, fmt.Errorf("read the page: %w", err)
	}
	d.finish()
	return d.page, nil
}

func (d *decoder) malformed(err error) {
	if d.page.Malformed++; d.page.Problem == nil {
		d.page.Problem = err
	}
}

// add takes the scanner's series into the sample of its VMI.
func (d *decoder) add(family series.Family) error {
	v, device := d.recognise(family)
	var tail []byte
	var err error
	if v == nil {
		if tail, device, err = d.readLabels(family); err != nil {
			return err
		}
	}
	value, err := d.scanner.Value()
	if err != nil {
		return err
	}
	if v == nil {
		v = d.vmi(tail)
	}
	if value < 0 || math.IsInf(value, 0) {
		value = math.NaN() // Nothing of what we read can be negative or endless.
	}
	v.begin(family)
	if len(v.oversized) > 0 && v.isOversized(family) {
		return nil
	}
	if i := d.find(v, device); i >= 0 {
		v.values[i] = math.NaN() // Twice on the page: nothing tells which one is true.
		return nil
	}
	if !v.hasRoom(device) {
		return nil
	}
	d.remember(v, device)
	v.keys = append(v.keys, borrowedKey{family, d.keep(device)})
	v.values = append(v.values, value)
	v.hash = hashOf(v.hash, family, device)
	return nil
}

// recognise returns the VMI and the device of a line that ends like those of a
// known VMI, nil if it knows no such VMI. VMIs stand in much the same order in
// each family, so that it is the last line's or one of the next.
func (d *decoder) recognise(family series.Family) (v *vmi, device []byte) {
	if !d.trailerKnown || d.careful {
		return nil, nil
	}
	labels, ok := bytes.CutSuffix(d.scanner.RawLabels(), d.trailer)
	if !ok {
		return nil, nil
	}
	if family.DeviceLabel() != "" {
		if device, ok = deviceLabels[family].cut(labels); !ok {
			return nil, nil
		}
	}
	const lookAhead = 8
	for i := range min(lookAhead, len(d.vmis)) {
		place := (d.last + i) % len(d.vmis)
		if tail := d.vmis[place].tail; tail != nil && bytes.HasSuffix(labels, tail) {
			d.last = place
			d.scanner.SkipLabels()
			return &d.vmis[place], device
		}
	}
	return nil, nil
}

// readLabels reads a line label by label: the VMI's namespace and name into d.key
// and d.name. It learns how lines of the family end, and returns the VMI's tail.
func (d *decoder) readLabels(family series.Family) (tail, device []byte, err error) {
	s, label := &d.scanner, family.DeviceLabel()
	d.name, d.key, d.device = d.name[:0], d.key[:0], d.device[:0]
	var namespaceFound, nameFound, tailEnds bool
	var rest []byte
	for before := s.RawLabels(); ; before = rest {
		name, value, ok := s.NextLabel()
		if !ok {
			break
		}
		rest = s.RawLabels()
		switch string(name) {
		case "namespace":
			d.key = append(d.key, value...)
			namespaceFound = true
		case "name":
			d.name = append(d.name, value...)
			nameFound = true
		case label:
			d.device = append(d.device, value...)
			continue
		default:
			continue
		}
		if tail == nil {
			tail = before
		}
		if namespaceFound && nameFound && !tailEnds {
			tail, tailEnds = tail[:len(tail)-len(rest)], true
			d.trailer, d.trailerKnown = append(d.trailer[:0], rest...), true
		}
	}
	if !namespaceFound || !nameFound {
		if _, err := s.Value(); err != nil {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("series %s lacks the label namespace or name", family)
	}
	return tail, d.device, nil
}

// vmi returns the page's VMI whose namespace is in d.key and whose name is in
// d.name, and whose lines have the tail.
func (d *decoder) vmi(tail []byte) *vmi {
	namespaceLen := len(d.key)
	d.key = append(append(d.key, '/'), d.name...)
	place, ok := d.byKey[string(d.key)]
	if !ok {
		key := string(d.key)
		place = len(d.vmis)
		d.byKey[key] = place
		if place < cap(d.vmis) {
			d.vmis = d.vmis[:place+1] // With the slices of an earlier page.
		} else {
			d.vmis = append(d.vmis, vmi{})
		}
		old := d.vmis[place]
		d.vmis[place] = vmi{namespace: key[:namespaceLen], name: key[namespaceLen+1:], keys: old.keys[:0], values: old.values[:0]}
	}
	d.last = place
	v := &d.vmis[place]
	if v.tail == nil && len(tail) > 0 && tail[0] == ',' {
		v.tail = d.keep(tail)
	}
	return v
}

// keep copies bytes to where they stay until the next page.
func (d *decoder) keep(b []byte) []byte {
	d.bytes = append(d.bytes, b...)
	return d.bytes[len(d.bytes)-len(b):]
}

// finish makes samples of what was read.
func (d *decoder) finish() {
	d.page.Samples = make([]Sample, 0, len(d.vmis))
	for i := range d.vmis {
		v := &d.vmis[i]
		if len(v.oversized) > 0 {
			v.dropOversized()
			d.page.Oversized = append(d.page.Oversized, v.oversized...)
			if len(v.keys) == 0 {
				continue
			}
		}
		d.page.Samples = append(d.page.Samples, Sample{
			Namespace: v.namespace,
			Name:      v.name,
			Layout:    layouts.share(v.hash, v.keys),
			Values:    slices.Clone(v.values),
		})
	}
}
