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
	device          []byte // Of the line that was read or matched, until the next one.
	scratch         []byte // What device points to where it is not a part of the line.
	careful         bool   // Match nothing: for tests.
}

// match finds the device of a line that ends like those of its family. It returns
// the labels up to the trailer, which end with the tail of the line's VMI.
func (l *lineReader) match(family series.Family) (labels []byte, ok bool) {
	if !l.trailerKnown || l.careful {
		return nil, false
	}
	labels, ok = bytes.CutSuffix(l.scanner.RawLabels(), l.trailer)
	if !ok {
		return nil, false
	}
	l.device = nil
	if family.DeviceLabel() == "" {
		return labels, true
	}
	if l.device, ok = deviceLabels[family].cut(labels); !ok {
		return nil, false
	}
	if family.IsFilesystem() {
		disk, ok := diskLabel.cut(labels)
		if !ok && bytes.Contains(labels, diskLabel.first) {
			return nil, false
		}
		l.scratch = series.AppendDisk(append(l.scratch[:0], l.device...), disk)
		l.device = l.scratch
	}
	return labels, true
}

// read reads a line label by label. It returns the tail of its VMI, nil when the
// VMI's lines cannot be matched by it.
func (l *lineReader) read(family series.Family) (tail []byte, err error) {
	s, label := &l.scanner, family.DeviceLabel()
	l.namespace, l.name, l.device = l.namespace[:0], l.name[:0], nil
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
			l.device = l.scratch
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
			return nil, err
		}
		return nil, fmt.Errorf("series %s lacks the label namespace or name", family)
	}
	if family.IsFilesystem() {
		l.scratch = series.AppendDisk(l.device, disk)
		l.device = l.scratch
	}
	if s.HasExemplar() {
		return nil, nil // RawLabels ended in it.
	}
	l.trailer, l.trailerKnown = append(l.trailer[:0], trailer...), true
	return tail, nil
}
