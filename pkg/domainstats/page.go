package domainstats

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"

	"guest-metrics-server/pkg/exposition"
	"guest-metrics-server/pkg/sample"
)

// Sample is what a page says of one VMI.
type Sample struct {
	Namespace, Name string // Of the VMI. A name can be reused by another VMI.

	Layout *sample.Layout
	Values []float64 // As long as the layout. NaN where the page's value makes no sense.
}

var familyOf = sample.VirtHandlerFamilies()

// Page is what Decode made of a page.
type Page struct {
	Samples   []Sample // In the order in which the page first names the VMIs.
	Malformed int      // Lines that could not be read; each costs one series of one VMI.
	Problem   error    // What was wrong with the first of them.
}

// Decoder decodes pages. It remembers the layouts of the last page, so keep one
// for each target. It is not safe for concurrent use.
type Decoder struct {
	scanner exposition.Scanner
	byName  map[string]int // namespace/name -> place in vmis.
	vmis    []vmi
	key     []byte
	layouts layouts
}

// vmi is a VMI of the page that is being read.
type vmi struct {
	namespace, name string
	series          []sample.Series
	values          []float64
}

// NewDecoder returns a Decoder that has seen no page yet.
func NewDecoder() *Decoder {
	return &Decoder{byName: make(map[string]int), layouts: newLayouts()}
}

// Decode reads a page to its end. A page that breaks off gives an error and no
// sample, since nothing tells which of its VMIs are whole.
func (d *Decoder) Decode(r io.Reader) (Page, error) {
	clear(d.byName)
	d.vmis = d.vmis[:0]
	s := &d.scanner
	s.Reset(r)
	var page Page
	var name []byte // Of the last line: the lines of a family follow each other.
	var family sample.Family
	var wanted bool
	for s.Scan() {
		if !bytes.Equal(s.Name(), name) {
			name = append(name[:0], s.Name()...)
			family, wanted = familyOf[string(name)]
		}
		if !wanted {
			continue
		}
		if err := d.add(family); err != nil {
			page.Malformed++
			if page.Problem == nil {
				page.Problem = err
			}
		}
	}
	if err := s.Err(); err != nil {
		return Page{}, fmt.Errorf("read the page: %w", err)
	}
	page.Samples = d.samples()
	return page, nil
}

// add takes the scanner's series into the sample of its VMI.
func (d *Decoder) add(family sample.Family) error {
	var nameBuf, instanceBuf [128]byte
	name, instance := nameBuf[:0], instanceBuf[:0]
	var namespaceFound, nameFound bool
	d.key = d.key[:0]
	instanceLabel := family.Instance()
	for label, value, ok := d.scanner.NextLabel(); ok; label, value, ok = d.scanner.NextLabel() {
		switch string(label) {
		case "namespace":
			d.key = append(d.key[:0], value...)
			namespaceFound = true
		case "name":
			name = append(name[:0], value...)
			nameFound = true
		case instanceLabel:
			instance = append(instance[:0], value...)
		}
	}
	value, err := d.scanner.Value()
	if err != nil {
		return err
	}
	if !namespaceFound || !nameFound {
		return fmt.Errorf("series %s lacks the label namespace or name", family)
	}
	if value < 0 || math.IsInf(value, 0) {
		value = math.NaN() // Nothing of what we read can be negative or endless.
	}
	v := d.vmi(name)
	if i := v.find(family, instance); i >= 0 {
		v.values[i] = math.NaN() // Twice on the page: nothing tells which one is true.
		return nil
	}
	v.series = append(v.series, sample.Series{Family: family, Instance: d.layouts.intern(instance)})
	v.values = append(v.values, value)
	return nil
}

// vmi returns the page's VMI whose namespace is in d.key.
func (d *Decoder) vmi(name []byte) *vmi {
	namespaceLen := len(d.key)
	d.key = append(append(d.key, '/'), name...)
	if i, ok := d.byName[string(d.key)]; ok {
		return &d.vmis[i]
	}
	key := string(d.key)
	d.byName[key] = len(d.vmis)
	if len(d.vmis) < cap(d.vmis) {
		d.vmis = d.vmis[:len(d.vmis)+1] // With the slices of an earlier page.
	} else {
		d.vmis = append(d.vmis, vmi{})
	}
	v := &d.vmis[len(d.vmis)-1]
	v.namespace, v.name = key[:namespaceLen], key[namespaceLen+1:]
	v.series, v.values = v.series[:0], v.values[:0]
	return v
}

// find returns the place of a series among those of its family, which are the
// last ones that were added.
func (v *vmi) find(family sample.Family, instance []byte) int {
	for i := len(v.series) - 1; i >= 0 && v.series[i].Family == family; i-- {
		if v.series[i].Instance == string(instance) {
			return i
		}
	}
	return -1
}

func (d *Decoder) samples() []Sample {
	samples := make([]Sample, len(d.vmis))
	for i := range d.vmis {
		v := &d.vmis[i]
		samples[i] = Sample{
			Namespace: v.namespace,
			Name:      v.name,
			Layout:    d.layouts.share(v.series),
			Values:    slices.Clone(v.values),
		}
	}
	d.layouts.endPage()
	return samples
}
