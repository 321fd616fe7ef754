package page

import (
	"math/bits"
	"slices"
)

// blockTokens is how many tokens the standard library puts into a block.
const blockTokens = 1 << 14

// stream is a layout in deflate's form, the holes' bits left zero.
type stream struct {
	bits   []byte
	names  []nameHole // Those that are not copied by a match.
	values []int      // The first bit of each value of the layout.
	blocks []block
}

// block is where a set of codes holds.
type block struct {
	values int // The first value that is not in the block any more.
	names  int // The same of names.
	chars  [256]code
}

type nameHole struct {
	bit int
	nameSpot
}

// encoder writes a stream.
type encoder struct {
	stream
	free       int // Bits not used in the last byte.
	names      map[int]nameSpot
	valueStart map[int]bool
}

// deflate turns a layout into a stream.
func deflate(l *layout) *stream {
	e := &encoder{names: make(map[int]nameSpot), valueStart: make(map[int]bool)}
	for _, n := range l.names {
		e.names[n.at] = n
	}
	for _, v := range l.values {
		e.valueStart[v.at] = true
	}
	tokens := parse(l.symbols)
	for len(tokens) > 0 {
		n := min(blockTokens, len(tokens))
		for n < len(tokens) && l.symbols[tokens[n].at] == valueSymbol && tokens[n].length == 0 {
			n++ // A value is not torn.
		}
		e.block(l, tokens[:n], n == len(tokens))
		tokens = tokens[n:]
	}
	return &e.stream
}

func (e *encoder) block(l *layout, tokens []token, final bool) {
	literals, distances := count(l, tokens)
	codes, distCodes := literalCodes(literals), distanceCodes(distances)
	e.header(codes, distCodes, final)
	for _, t := range tokens {
		if t.length > 0 {
			e.match(t, codes, distCodes)
		} else {
			e.literal(l, t.at, codes)
		}
	}
	e.write(codes[endOfBlock].bits, codes[endOfBlock].length)
	b := block{values: len(e.values), names: len(e.stream.names)}
	copy(b.chars[:], codes)
	e.blocks = append(e.blocks, b)
}

// count counts the codes that the tokens need. All distance codes are taken as
// seen once more, so that none of the two code sets is a special case.
func count(l *layout, tokens []token) (literals, distances []int) {
	literals, distances = make([]int, literalCount), make([]int, distanceCount)
	for i := range distances {
		distances[i] = 1
	}
	for _, t := range tokens {
		switch {
		case t.length > 0:
			c, _, _ := lengthCode(t.length)
			literals[c]++
			c, _, _ = distanceCode(t.distance)
			distances[c]++
		case l.symbols[t.at] < 0x100:
			literals[l.symbols[t.at]]++
		default:
			literals['0']++
		}
	}
	literals[endOfBlock]++
	return literals, distances
}

// header writes the code lengths without run lengths: each as a code of 4 bits.
func (e *encoder) header(literals, distances []code, final bool) {
	e.write(uint32(bit(final)), 1)
	e.write(2, 2)
	e.write(literalCount-257, 5)
	e.write(distanceCount-1, 5)
	const lengthsOfLengths = 19
	e.write(lengthsOfLengths-4, 4)
	for i := range lengthsOfLengths {
		const repeats = 3 // Codes for repetition come first and are not used.
		e.write(uint32(4*bit(i >= repeats)), 3)
	}
	for _, c := range slices.Concat(literals, distances) {
		e.write(bits.Reverse32(uint32(c.length))>>28, 4)
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e *encoder) literal(l *layout, at int, codes []code) {
	if e.valueStart[at] {
		e.values = append(e.values, e.position())
	}
	if n, ok := e.names[at]; ok {
		e.stream.names = append(e.stream.names, nameHole{e.position(), n})
	}
	if s := l.symbols[at]; s < 0x100 {
		e.write(codes[s].bits, codes[s].length)
		return
	}
	e.write(0, codes['0'].length)
}

func (e *encoder) match(t token, codes, distances []code) {
	c, extra, n := lengthCode(t.length)
	e.write(codes[c].bits, codes[c].length)
	e.write(uint32(extra), n)
	c, extra, n = distanceCode(t.distance)
	e.write(distances[c].bits, distances[c].length)
	e.write(uint32(extra), n)
}

func (e *encoder) position() int { return len(e.bits)*8 - e.free }

func (e *encoder) write(value uint32, n int) {
	for ; n > 0; n-- {
		if e.free == 0 {
			e.bits = append(e.bits, 0)
			e.free = 8
		}
		e.bits[len(e.bits)-1] |= byte(value&1) << (8 - e.free)
		e.free--
		value >>= 1
	}
}

// lengthCode returns a match's code, its extra bits and their number (RFC 1951, 3.2.5).
func lengthCode(length int) (symbol, extra, n int) {
	switch {
	case length == maxMatch:
		return 285, 0, 0
	case length < 11:
		return 254 + length, 0, 0
	}
	length -= 3
	n = bits.Len(uint(length)) - 3
	return 257 + 4*n + length>>n, length & (1<<n - 1), n
}

// distanceCode is the same for a distance.
func distanceCode(distance int) (symbol, extra, n int) {
	distance--
	if distance < 4 {
		return distance, 0, 0
	}
	n = bits.Len(uint(distance)) - 2
	return 2*n + distance>>n, distance & (1<<n - 1), n
}
