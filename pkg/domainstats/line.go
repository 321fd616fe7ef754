package domainstats

import (
	"bytes"
	"fmt"

	"guest-metrics-server/pkg/exposition"
	"guest-metrics-server/pkg/series"
)

// lineReader reads the labels of one line after another:
//
//	kubevirt_vmi_vcpu_seconds_total{id="0",kubernetes_vmi_label_app="web",name="web-1",namespace="default",node="n1",state="running"} 7.5
//	                                device                               -------------- tail --------------------- trailer ---------
//
// Nearly all of a line are labels that users chose, and those of a VMI are on each
// of its lines. So read looks at each label where a VMI or a family is new, and
// learns how such lines end: the tail is the VMI's, the trailer the family's. After
// that, match knows them by their ends. No part of a label's value can look like
// that, since quotes are escaped there.
type lineReader struct {
	scanner         exposition.Scanner
	trailer         []byte // What follows the tail on all lines of the family.
	trailerKnown    bool
	namespace, name []byte // Of the VMI whose line was read.
	scratch         []byte // A device that is not a part of the line as it stands.
	careful         bool   // Match nothing: for tests.
}

// match returns the labels before the trailer of a line that ends like those of its
// family. They end with the tail of the line's VMI.
func (l *lineReader) match() (labels []byte, ok bool) {
	if !l.trailerKnown || l.careful {
		return nil, false
	}
	return bytes.CutSuffix(l.scanner.RawLabels(), l.trailer)
}

// device finds the line's device in the labels that no tail and no trailer belong to.
// It is not ok for labels that only read understands.
func (l *lineReader) device(family series.Family, labels []byte) (device []byte, ok bool) {
	if family.DeviceLabel() == "" {
		return nil, true
	}
	if device, ok = deviceLabels[family].cut(labels); !ok || !family.IsFilesystem() {
		return device, ok
	}
	disk, ok := diskLabel.cut(labels)
	if !ok && bytes.Contains(labels, diskLabel.first) {
		return nil, false
	}
	l.scratch = series.AppendDisk(append(l.scratch[:0], device...), disk)
	return l.scratch, true
}

// read reads a line label by label. It returns its device, and the tail of its VMI,
// nil when the VMI's lines cannot be matched by it.
func (l *lineReader) read(family series.Family) (device, tail []byte, err error) {
	s, label := &l.scanner, family.DeviceLabel()
	l.namespace, l.name, l.scratch = l.namespace[:0], l.name[:0], l.scratch[:0]
	var disk, trailer, rest []byte
	var namespaceFound, nameFound, tailEnds bool
	for before := s.RawLabels(); ; before = rest {
		name, value, ok := s.NextLabel()
		if !ok {
			break
		}
		rest = s.RawLabels()
		switch string(name) {
		case "namespace":
			l.namespace = append(l.namespace, value...)
			namespaceFound = true
		case "name":
			l.name = append(l.name, value...)
			nameFound = true
		case label:
			l.scratch = append(l.scratch[:0], value...)
			continue
		case diskName:
			disk = bytes.Clone(value)
			continue
		default:
			continue
		}
		if tail == nil {
			tail = before
		}
		if namespaceFound && nameFound && !tailEnds {
			tail, trailer, tailEnds = tail[:len(tail)-len(rest)], rest, true
		}
	}
	if !namespaceFound || !nameFound {
		if _, err := s.Value(); err != nil {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("series %s lacks the label namespace or name", family)
	}
	if family.IsFilesystem() {
		l.scratch = series.AppendDisk(l.scratch, disk)
	}
	if s.HasExemplar() {
		return l.scratch, nil, nil // RawLabels ended in it.
	}
	l.trailer, l.trailerKnown = append(l.trailer[:0], trailer...), true
	return l.scratch, tail, nil
}
