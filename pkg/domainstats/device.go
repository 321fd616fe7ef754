package domainstats

import (
	"bytes"
	"math"
)

// deviceLabel is how a family's label of deviceLabels stands in the response.
type deviceLabel struct {
	first, later []byte // As the first label, and after another one.
}

// deviceLabels are by family.
var deviceLabels = func() (labels [math.MaxUint8 + 1]deviceLabel) {
	for _, family := range familyOf {
		first := family.DeviceLabel() + `="`
		labels[family] = deviceLabel{first: []byte(first), later: []byte(`",` + first)}
	}
	return labels
}()

// diskName is the label that tells filesystems at one mount point apart.
const diskName = "disk_name"

var diskLabel = deviceLabel{first: []byte(diskName + `="`), later: []byte(`",` + diskName + `="`)}

// cut returns the label's value in raw labels. It is not ok when the label is not
// there, or not as plain as most.
func (l deviceLabel) cut(labels []byte) (value []byte, ok bool) {
	quoted, ok := bytes.CutPrefix(labels, l.first)
	if !ok {
		at := bytes.LastIndex(labels, l.later) // Most often it is the last label.
		// A quote that neither opens a value nor is escaped closes one: then it is
		// a label that follows, and not the text of a value.
		if at < 1 || labels[at-1] == '=' || labels[at-1] == '\\' {
			return nil, false
		}
		quoted = labels[at+len(l.later):]
	}
	for i, c := range quoted {
		switch c {
		case '"':
			return quoted[:i], true
		case '\\':
			return nil, false
		}
	}
	return nil, false
}
