package domainstats

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"guest-metrics-server/pkg/series"
)

// Sample is what a response says of one VMI.
type Sample struct {
	Namespace, Name string // Of the VMI. A name can be reused by another VMI.

	Layout *series.Layout
	Values []float64 // As long as the layout. NaN where the response's value makes no sense.
}

// Response is what Decode made of a response.
type Response struct {
	Samples   []Sample    // In the order in which the response first names the VMIs.
	Oversized []Oversized // In the same order. What is listed here no sample has a part of.
	Malformed int         // Lines that could not be read; each costs one series of one VMI.
	Problem   error       // What was wrong with the first of them.
}

// Decode reads a response to its end. One that breaks off gives an error and no
// sample, since nobody knows which of its VMIs are whole. It is safe for
// concurrent use.
func Decode(r io.Reader) (Response, error) {
	d := decoders.Get().(*decoder)
	response, err := d.decode(r)
	d.response = Response{}
	if !d.swollen() {
		decoders.Put(d)
	}
	return response, err
}

var decoders = sync.Pool{New: func() any { return newDecoder() }}

func newDecoder() *decoder {
	d := &decoder{byKey: make(map[string]int), later: make(map[seriesKey]int)}
	d.line.scanner.SkipLongLines(d.skipLong)
	return d
}

var familyOf = series.VirtHandlerFamilies()

// decoder is what one response is decoded with.
type decoder struct {
	line     lineReader
	byKey    map[string]int // namespace/name -> index in vmis.
	vmis     []vmi
	last     int               // The index of the last line's VMI.
	later    map[seriesKey]int // The index of each series that is not among the firstSeries.
	response Response
	bytes    []byte // What vmis and their series point to.
	key      []byte
}

// vmi is a VMI of the response that is being read.
type vmi struct {
	namespace, name string
	tail            []byte // ,name="...",namespace="..." as it stands in the response; nil when it does not so.
	keys            []borrowedKey
	values          []float64
	hash            uint64 // Of the series.

	families  uint64        // A bit for each family that there was a series of.
	family    series.Family // Of the last series, noFamily before the first.
	from      int           // The index of the family's first series.
	nameBytes int           // Of the family's deviceLabels.
	oversized []Oversized
}

// noFamily is no family's number.
const noFamily series.Family = math.MaxUint8

type borrowedKey struct {
	family series.Family
	device []byte
}

func (d *decoder) decode(r io.Reader) (Response, error) {
	clear(d.byKey)
	clear(d.later)
	d.vmis, d.bytes, d.response = d.vmis[:0], d.bytes[:0], Response{}
	s := &d.line.scanner
	s.Reset(r)
	var family series.Family
	var wanted bool
	for s.Scan() {
		if !s.SameName() {
			family, wanted = familyOf[string(s.Name())]
			d.line.trailerKnown = false
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
		return Response{}, fmt.Errorf("read the response: %w", err)
	}
	d.finish()
	return d.response, nil
}

func (d *decoder) malformed(err error) {
	if d.response.Malformed++; d.response.Problem == nil {
		d.response.Problem = err
	}
}

// add takes the scanner's series into the sample of its VMI.
func (d *decoder) add(family series.Family) error {
	v, device := d.match(family)
	var tail []byte
	var err error
	if v == nil {
		if device, tail, err = d.line.read(family); err != nil {
			return err
		}
	}
	value, err := d.line.scanner.Value()
	if err != nil {
		return err
	}
	if v == nil {
		v = d.vmi(d.line.namespace, d.line.name, tail)
	}
	if value < 0 || math.IsInf(value, 0) {
		value = math.NaN() // Nothing of what we read can be negative or endless.
	}
	v.begin(family)
	if len(v.oversized) > 0 && v.isOversized(family) {
		return nil
	}
	if i := d.find(v, device); i >= 0 {
		v.values[i] = math.NaN() // Twice in the response: nobody knows which one is true.
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

// match returns the VMI and the device of a line that ends like those of a known VMI,
// nil without such a VMI. VMIs stand in much the same order in each family, so that
// it is the last line's or one of the next.
func (d *decoder) match(family series.Family) (v *vmi, device []byte) {
	labels, ok := d.line.match()
	if !ok {
		return nil, nil
	}
	const lookAhead = 8
	index := d.last
	for range min(lookAhead, len(d.vmis)) {
		v := &d.vmis[index]
		if v.tail != nil && bytes.HasSuffix(labels, v.tail) {
			if device, ok = d.line.device(family, labels[:len(labels)-len(v.tail)]); !ok {
				return nil, nil
			}
			d.last = index
			d.line.scanner.SkipLabels()
			return v, device
		}
		if index++; index == len(d.vmis) {
			index = 0
		}
	}
	return nil, nil
}

// vmi returns the response's VMI of the name, whose lines have the tail.
func (d *decoder) vmi(namespace, name, tail []byte) *vmi {
	d.key = append(append(append(d.key[:0], namespace...), '/'), name...)
	index, ok := d.byKey[string(d.key)]
	if !ok {
		key := string(d.key)
		index = len(d.vmis)
		d.byKey[key] = index
		if index < cap(d.vmis) {
			d.vmis = d.vmis[:index+1] // With the slices of an earlier response.
		} else {
			d.vmis = append(d.vmis, vmi{})
		}
		old := d.vmis[index]
		d.vmis[index] = vmi{namespace: key[:len(namespace)], name: key[len(namespace)+1:], keys: old.keys[:0], values: old.values[:0], family: noFamily}
	}
	d.last = index
	v := &d.vmis[index]
	if v.tail == nil && len(tail) > 0 && tail[0] == ',' {
		v.tail = d.keep(tail)
	}
	return v
}

// keep copies bytes to where they stay until the next response.
func (d *decoder) keep(b []byte) []byte {
	d.bytes = append(d.bytes, b...)
	return d.bytes[len(d.bytes)-len(b):]
}

// finish makes samples of what was read.
func (d *decoder) finish() {
	d.response.Samples = make([]Sample, 0, len(d.vmis))
	for i := range d.vmis {
		v := &d.vmis[i]
		if len(v.oversized) > 0 {
			v.dropOversized()
			d.response.Oversized = append(d.response.Oversized, v.oversized...)
			if len(v.keys) == 0 {
				continue
			}
		}
		d.response.Samples = append(d.response.Samples, Sample{
			Namespace: v.namespace,
			Name:      v.name,
			Layout:    layouts.share(v.hash, v.keys),
			Values:    slices.Clone(v.values),
		})
	}
}
