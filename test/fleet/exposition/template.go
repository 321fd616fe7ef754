package exposition

import (
	"strconv"
	"strings"

	"guest-metrics-server/test/fleet/world"
)

// Template is what all expositions of a fleet have in common. It is safe for
// concurrent use.
type Template struct {
	fleet    world.Fleet
	families []family
}

// NewTemplate makes the template of a fleet's expositions from those of an
// exporter at two moments, 15 s apart. All VMIs become like the guest.
func NewTemplate(fleet world.Fleet, first, second []byte, guest string) (*Template, error) {
	if err := fleet.Validate(); err != nil {
		return nil, err
	}
	families, err := readFamilies(first, second, guest)
	if err != nil {
		return nil, err
	}
	return &Template{fleet, families}, nil
}

// Node is what one node exposes. It is safe for concurrent use.
type Node struct {
	values []value
	end    string // After the last value that changes.
}

// value is a value that changes over time.
type value struct {
	before string // The text since the value before.
	vmi    world.VMI
	*series
}

// Node returns the node of that number, from 0.
func (t *Template) Node(number int) *Node {
	vmis := make([]world.VMI, t.fleet.PerNode)
	names := make([]*strings.Replacer, t.fleet.PerNode)
	for slot := range vmis {
		vmis[slot] = t.fleet.On(number, slot)
		names[slot] = replaceNames(vmis[slot])
	}
	n := &Node{}
	var text strings.Builder
	for _, f := range t.families {
		text.WriteString(f.header)
		// Series are in the order of their labels' values, and the labels that
		// tell a VMI's series apart (id, drive, interface) come before its name.
		for _, s := range f.series {
			for slot, v := range vmis {
				_, _ = names[slot].WriteString(&text, s.head)
				if s.moving != nil {
					n.values = append(n.values, value{text.String(), v, s})
					text.Reset()
				}
				text.WriteString(s.tail)
			}
		}
	}
	n.end = text.String()
	return n
}

// AppendText appends the exposition at a time after the fleet's start.
func (n *Node) AppendText(to []byte, seconds float64) []byte {
	for _, v := range n.values {
		to = append(to, v.before...)
		to = strconv.AppendFloat(to, v.moving.at(v.vmi, v.number, seconds), 'g', -1, 64)
	}
	return append(to, n.end...)
}

// replaceNames puts a VMI's names where the template has those of its guest.
func replaceNames(v world.VMI) *strings.Replacer {
	node, pool := world.NodeName(v.Node), world.PoolName(v.Pool)
	return strings.NewReplacer(
		`_nodeName="n1"`, `_nodeName="`+node+`"`,
		`node="n1"`, `node="`+node+`"`,
		`_app="web"`, `_app="`+pool+`"`,
		`_vmpool="web"`, `_vmpool="`+pool+`",kubernetes_vmi_label_tier="web"`,
		`"web-0"`, `"`+v.Name()+`"`,
		`namespace="default"`, `namespace="`+world.NamespaceName(v.Namespace)+`"`,
	)
}
