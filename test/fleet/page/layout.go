package page

import (
	"strings"

	"guest-metrics-server/test/fleet/world"
)

// layout is the text of a page with holes: it is the same for each node and at
// any time.
type layout struct {
	text   []byte // Zero where a name's character or a moving value stands.
	names  []nameSpot
	values []valueSpot

	// symbols is the text for the match finder: a byte of the text, or what
	// stands in the hole. Two equal symbols are the same byte on every page,
	// except for valueSymbol.
	symbols []uint16
}

// nameSpot is the place of one character of a name.
type nameSpot struct {
	at   int
	slot int // Of the VMI on the page, nodeSlot for the node's name.
	char int
}

const nodeSlot = -1

// valueSpot is the place of a moving value's digits and point.
type valueSpot struct {
	at   int
	slot int
	seed uint64 // Tells the series of a VMI apart.
	*moving
}

const (
	nodeSymbol  = 0xff00 // And nodeChars after it.
	valueSymbol = 0xffff
)

func vmiSymbol(slot, char int) uint16 { return uint16(0x100 + slot*vmiChars + char) }

// newLayout writes out the page of a node with so many VMIs.
func newLayout(families []family, perNode int) *layout {
	l := &layout{}
	seed := uint64(0)
	for _, f := range families {
		l.writeText(f.header, nodeSlot)
		// Series are in the order of their labels' values, and the labels that
		// tell a VMI's series apart (id, drive, interface) come before its name.
		for _, s := range f.series {
			seed++
			for slot := range perNode {
				l.writeText(s.head, slot)
				if s.moving != nil {
					l.writeValue(s.moving, slot, seed)
				} else {
					l.writeText(s.still, slot)
				}
				l.writeText("\n", slot)
			}
		}
	}
	return l
}

func (l *layout) writeText(text string, slot int) {
	for _, b := range []byte(text) {
		switch {
		case b >= nodeByte:
			l.names = append(l.names, nameSpot{len(l.text), nodeSlot, int(b - nodeByte)})
			l.symbols = append(l.symbols, nodeSymbol+uint16(b-nodeByte))
			b = 0
		case b >= vmiByte:
			l.names = append(l.names, nameSpot{len(l.text), slot, int(b - vmiByte)})
			l.symbols = append(l.symbols, vmiSymbol(slot, int(b-vmiByte)))
			b = 0
		default:
			l.symbols = append(l.symbols, uint16(b))
		}
		l.text = append(l.text, b)
	}
}

func (l *layout) writeValue(m *moving, slot int, seed uint64) {
	l.values = append(l.values, valueSpot{len(l.text), slot, seed << 32, m})
	for range m.width() {
		l.text = append(l.text, 0)
		l.symbols = append(l.symbols, valueSymbol)
	}
	l.writeText(m.exponent, slot)
}

// nodeNames are the names on a node's page.
type nodeNames struct {
	vmis  []world.VMI
	chars string // vmiChars for each VMI.
	node  string
}

func namesOf(fleet world.Fleet, node int) nodeNames {
	n := nodeNames{node: nodeName(node), vmis: make([]world.VMI, fleet.PerNode)}
	var all strings.Builder
	for slot := range n.vmis {
		n.vmis[slot] = fleet.On(node, slot)
		all.WriteString(vmiNames(n.vmis[slot]))
	}
	n.chars = all.String()
	return n
}

func (n nodeNames) at(s nameSpot) byte {
	if s.slot == nodeSlot {
		return n.node[s.char]
	}
	return n.chars[s.slot*vmiChars+s.char]
}

// fillNames puts a node's names into the text.
func (l *layout) fillNames(text []byte, names nodeNames) {
	for _, s := range l.names {
		text[s.at] = names.at(s)
	}
}

// writeAt writes the value of a node's VMI.
func (s valueSpot) writeAt(to []byte, names nodeNames, seconds float64) {
	v := names.vmis[s.slot]
	s.moving.write(to, v, s.seed+uint64(v.Index), seconds)
}
