package page

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	maxCodeBits   = 15
	spotBits      = 4 // log2 of len(spotChars).
	literalCount  = 286
	distanceCount = 30
	endOfBlock    = 256
)

// spotChars are the characters of one code length. The digits and the point
// stand in holes; the others fill the set up to a power of two.
const spotChars = "0123456789.e+ -\""

// code is a Huffman code as deflate writes it, its first bit lowest.
type code struct {
	bits   uint32
	length int
}

// literalCodes gives codes by how often each symbol occurs, those of spotChars
// all of the same length.
func literalCodes(counts []int) []code {
	together := slices.Clone(counts)
	group := 0
	for _, c := range []byte(spotChars) {
		group += counts[c]
		together[c] = 0
	}
	together = append(together, max(group, 1))
	lengths := codeLengths(together, maxCodeBits-spotBits)
	for _, c := range []byte(spotChars) {
		lengths[c] = lengths[len(counts)] + spotBits
	}
	return canonical(lengths[:len(counts)])
}

func distanceCodes(counts []int) []code { return canonical(codeLengths(counts, maxCodeBits)) }

// codeLengths returns the lengths of an optimal prefix code, or of one near it
// where that would exceed the limit. Symbols that do not occur get 0.
func codeLengths(counts []int, limit int) []int {
	counts = slices.Clone(counts)
	for {
		lengths := huffman(counts)
		if slices.Max(lengths) <= limit {
			return lengths
		}
		for i, n := range counts {
			if n > 0 {
				counts[i] = n/2 + 1
			}
		}
	}
}

// tree is a set of symbols that share their codes' first bits.
type tree struct {
	count   int
	symbols []int
}

func huffman(counts []int) []int {
	lengths := make([]int, len(counts))
	var trees []tree
	for symbol, n := range counts {
		if n > 0 {
			trees = append(trees, tree{n, []int{symbol}})
		}
	}
	for len(trees) > 1 {
		slices.SortStableFunc(trees, func(a, b tree) int { return cmp.Compare(b.count, a.count) })
		last := len(trees) - 1
		merged := tree{trees[last].count + trees[last-1].count, slices.Concat(trees[last].symbols, trees[last-1].symbols)}
		for _, symbol := range merged.symbols {
			lengths[symbol]++
		}
		trees = append(trees[:last-1], merged)
	}
	return lengths
}

// canonical gives codes to lengths as RFC 1951, 3.2.2, says.
func canonical(lengths []int) []code {
	var count, next [maxCodeBits + 1]uint32
	for _, n := range lengths {
		if n > 0 {
			count[n]++
		}
	}
	for n := 1; n <= maxCodeBits; n++ {
		next[n] = (next[n-1] + count[n-1]) << 1
	}
	codes := make([]code, len(lengths))
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		codes[symbol] = code{bits.Reverse32(next[n]) >> (32 - n), n}
		next[n]++
	}
	return codes
}
