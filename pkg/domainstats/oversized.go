package domainstats

import (
	"bytes"
	"fmt"
	"slices"

	"guest-metrics-server/pkg/exposition"
	"guest-metrics-server/pkg/series"
)

// What is read of one VMI. A guest names its mount points, and may have as many
// as it likes; all of a VMI's labels are on each of its lines. The names stay in
// memory as long as the VMI's samples.
const (
	maxSeries    = 1024     // Of a family.
	maxNameBytes = 64 << 10 // Of the deviceLabels of a family.
)

// Oversized is a family of series that is not read, since there is too much
// of it for one VMI. The VMI's other families are.
type Oversized struct {
	Namespace, Name string // Of the VMI.
	Family          series.Family

	Lines     int // How many lines are longer than exposition.MaxLineBytes; 0 for none.
	LineBytes int // The longest of these lines.
	nameBytes int // What there is of names, when it is more than maxNameBytes.
}

// Why says what is too large and what to do about it.
func (o Oversized) Why() string {
	const who, cure = "virt-handler's response has ", "remove labels from the VirtualMachineInstance"
	device := o.Family.DeviceLabel()
	switch {
	case o.Lines > 0 && o.Family.IsNamedByGuest():
		return fmt.Sprintf(who+"a line of %d bytes of this VMI, more than the %d that are read: "+cure+", or let the guest have shorter mount points", o.LineBytes, exposition.MaxLineBytes)
	case o.Lines > 0:
		return fmt.Sprintf(who+"a line of %d bytes of this VMI, more than the %d that are read: "+cure, o.LineBytes, exposition.MaxLineBytes)
	case o.nameBytes > 0:
		return fmt.Sprintf(who+"%s series of this VMI with more than %d bytes of the label %s: let it have fewer or shorter ones", o.Family, maxNameBytes, device)
	default:
		return fmt.Sprintf(who+"more than %d %s series of this VMI: let it have fewer of what the label %s names", maxSeries, o.Family, device)
	}
}

// skipLong takes note of a line that is too long to be read.
func (d *decoder) skipLong(line exposition.LongLine) {
	family, wanted := familyOf[string(line.Name)]
	if !wanted {
		if len(line.Name) > 0 {
			d.line.scanner.SkipFamily()
			return
		}
		d.malformed(fmt.Errorf("the name of a series has more than %d bytes", exposition.MaxLineBytes))
		return
	}
	namespace, name := lastLabels(line.End)
	if len(namespace) == 0 || len(name) == 0 {
		d.malformed(fmt.Errorf("a line of %d bytes of the series %s lacks the label namespace or name at its end", line.Bytes, family))
		return
	}
	v := d.vmi(namespace, name, nil)
	v.begin(family)
	for i := range v.oversized {
		if o := &v.oversized[i]; o.Family == family {
			o.Lines, o.LineBytes = o.Lines+1, max(o.LineBytes, line.Bytes)
			return
		}
	}
	v.oversized = append(v.oversized, Oversized{Family: family, Lines: 1, LineBytes: line.Bytes})
}

// lastLabels returns the labels namespace and name of a line whose beginning may
// be cut off, nil for one that is not found. It reads labels from the last one
// back: as quotes within a value are escaped, the quote before a closing one that
// is not escaped opens the value.
func lastLabels(line []byte) (namespace, name []byte) {
	labels := line[:max(0, bytes.LastIndexByte(line, '}'))]
	for len(namespace) == 0 || len(name) == 0 {
		labels = bytes.TrimRight(labels, ", \t")
		value, ok := bytes.CutSuffix(labels, []byte{'"'})
		if !ok {
			break
		}
		open := openingQuote(value)
		if open < 1 || value[open-1] != '=' {
			break
		}
		before := value[:open-1]
		begin := bytes.LastIndexAny(before, ",{ \t")
		if begin < 0 {
			break // It may go on before what we have.
		}
		switch value = value[open+1:]; string(before[begin+1:]) {
		case "namespace":
			namespace = value
		case "name":
			name = value
		}
		labels = before[:begin]
	}
	return namespace, name
}

// openingQuote returns the index of the last quote that is not escaped, -1 if
// there is none.
func openingQuote(b []byte) int {
	for {
		i := bytes.LastIndexByte(b, '"')
		escapes := 0
		for escapes < i && b[i-1-escapes] == '\\' {
			escapes++
		}
		if i < 0 || escapes%2 == 0 {
			return i
		}
		b = b[:i]
	}
}

// begin lets the VMI's next series be of the family. The lines of a family should
// follow each other; where they come in several blocks it goes on with the first.
func (v *vmi) begin(family series.Family) {
	if v.family == family {
		return
	}
	bit := uint64(1) << family
	v.family, v.from, v.nameBytes = family, len(v.keys), 0
	if v.families&bit != 0 {
		for i, key := range slices.Backward(v.keys) {
			if key.family == family {
				v.from = i
				v.nameBytes += len(key.device)
			}
		}
	}
	v.families |= bit
}

// hasRoom reports whether another series of the family is to be read, and takes
// note if not.
func (v *vmi) hasRoom(device []byte) bool {
	v.nameBytes += len(device)
	switch {
	case v.nameBytes > maxNameBytes:
		v.oversized = append(v.oversized, Oversized{Family: v.family, nameBytes: v.nameBytes})
		return false
	case len(v.keys)-v.from >= maxSeries:
		v.oversized = append(v.oversized, Oversized{Family: v.family})
		return false
	default:
		return true
	}
}

func (v *vmi) isOversized(family series.Family) bool {
	return slices.ContainsFunc(v.oversized, func(o Oversized) bool { return o.Family == family })
}

// dropOversized leaves out the families of which only a part was read.
func (v *vmi) dropOversized() {
	kept := 0
	v.hash = 0
	for i, s := range v.keys {
		if v.isOversized(s.family) {
			continue
		}
		v.keys[kept], v.values[kept] = s, v.values[i]
		v.hash = hashOf(v.hash, s.family, s.device)
		kept++
	}
	v.keys, v.values = v.keys[:kept], v.values[:kept]
	for i := range v.oversized {
		v.oversized[i].Namespace, v.oversized[i].Name = v.namespace, v.name
	}
}

// firstSeries is how many series of a family are searched one by one.
const firstSeries = 64

// seriesKey names a series of a response.
type seriesKey struct {
	vmi    int
	family series.Family
	device string
}

// find returns the index of a series of the VMI's family, -1 if it is new.
func (d *decoder) find(v *vmi, device []byte) int {
	first := v.keys[v.from:]
	for i := range min(len(first), firstSeries) {
		if first[i].family == v.family && bytes.Equal(first[i].device, device) {
			return v.from + i
		}
	}
	if len(first) > firstSeries {
		if index, ok := d.later[seriesKey{d.last, v.family, string(device)}]; ok {
			return index
		}
	}
	return -1
}

// remember lets find know the series that comes next.
func (d *decoder) remember(v *vmi, device []byte) {
	if index := len(v.keys); index-v.from >= firstSeries {
		d.later[seriesKey{d.last, v.family, string(device)}] = index
	}
}

// swollen reports whether the decoder holds more than is worth keeping.
func (d *decoder) swollen() bool { return cap(d.bytes) > 1<<20 || len(d.later) > 10_000 }
