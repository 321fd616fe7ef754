package page

import (
	"encoding/binary"
	"hash/crc32"

	"guest-metrics-server/test/fleet/world"
)

// Template writes the pages of a fleet. It is safe for concurrent use.
type Template struct {
	fleet    world.Fleet
	layout   *layout
	stream   *stream
	advances []*advance // Before each value, and after the last one.
}

// NewTemplate makes the template of a fleet's pages from what an exporter says of
// a guest at two moments, 15 s apart.
func NewTemplate(fleet world.Fleet, first, second []byte, guest string) (*Template, error) {
	if err := fleet.Validate(); err != nil {
		return nil, err
	}
	families, err := readFamilies(first, second, guest)
	if err != nil {
		return nil, err
	}
	l := newLayout(families, fleet.PerNode)
	t := &Template{fleet: fleet, layout: l, stream: deflate(l)}
	gaps := make(map[int]*advance)
	end := 0
	for _, v := range l.values {
		t.advances = append(t.advances, advanceBy(gaps, v.at-end))
		end = v.at + v.width()
	}
	t.advances = append(t.advances, advanceBy(gaps, len(l.text)-end))
	return t, nil
}

func advanceBy(known map[int]*advance, gap int) *advance {
	if known[gap] == nil {
		known[gap] = newAdvance(gap)
	}
	return known[gap]
}

// TextBytes returns the size of a page's text.
func (t *Template) TextBytes() int { return len(t.layout.text) }

// GzipBytes returns the size of a page.
func (t *Template) GzipBytes() int { return len(gzipHeader) + len(t.stream.bits) + 8 }

// Node is a node's part in its pages. It is safe for concurrent use.
type Node struct {
	*Template
	names nodeNames
	crc   uint32 // Of the page's text with zeros for values.
}

// Node returns the node of that number.
func (t *Template) Node(node int) *Node {
	n := &Node{Template: t, names: namesOf(t.fleet, node)}
	text := append([]byte(nil), t.layout.text...)
	t.layout.fillNames(text, n.names)
	n.crc = crc32.ChecksumIEEE(text)
	return n
}

// Text returns the node's page without compression at a time after the start.
func (n *Node) Text(seconds float64) []byte {
	text := append([]byte(nil), n.layout.text...)
	n.layout.fillNames(text, n.names)
	for _, v := range n.layout.values {
		v.writeAt(text[v.at:v.at+v.width()], n.names, seconds)
	}
	return text
}

var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// AppendGzip appends the node's page at a time after the start.
func (n *Node) AppendGzip(to []byte, seconds float64) []byte {
	to = append(to, gzipHeader...)
	start := len(to)
	to = append(to, n.stream.bits...)
	// One more word, so that bits can be set by the word.
	to = append(to, 0, 0, 0, 0, 0, 0, 0, 0)
	n.fillNames(to[start:])
	crc := n.fillValues(to[start:], seconds)
	to = to[:len(to)-8]
	to = binary.LittleEndian.AppendUint32(to, n.crc^crc)
	return binary.LittleEndian.AppendUint32(to, uint32(len(n.layout.text)))
}

func (n *Node) fillNames(bits []byte) {
	i := 0
	for b := range n.stream.blocks {
		block := &n.stream.blocks[b]
		for ; i < block.names; i++ {
			hole := &n.stream.names[i]
			setBits(bits, hole.bit, uint64(block.chars[n.names.at(hole.nameSpot)].bits))
		}
	}
}

// fillValues returns what the values add to the checksum.
func (n *Node) fillValues(bits []byte, seconds float64) uint32 {
	var buf [24]byte
	crc := uint32(0)
	i := 0
	for b := range n.stream.blocks {
		block := &n.stream.blocks[b]
		length := block.chars['0'].length
		for ; i < block.values; i++ {
			v := &n.layout.values[i]
			text := buf[:v.width()]
			v.writeAt(text, n.names, seconds)
			crc = n.advances[i].apply(crc)
			at := n.stream.values[i]
			for _, c := range text {
				setBits(bits, at, uint64(block.chars[c].bits))
				at += length
				crc = addByte(crc, c)
			}
		}
	}
	return n.advances[i].apply(crc)
}

// setBits sets bits that are zero.
func setBits(to []byte, at int, value uint64) {
	word := to[at/8:]
	binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)|value<<(at%8))
}
