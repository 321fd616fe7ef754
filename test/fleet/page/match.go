package page

// token is a literal, of the symbol at the place at, or a match when the length
// is not 0.
type token struct {
	at               int
	length, distance int
}

// What deflate allows, and how hard the standard library's level 6 looks.
const (
	minMatch  = 4
	maxMatch  = 258
	window    = 32 << 10
	maxChain  = 128
	niceMatch = 128
	lazyMatch = 16
)

// finder looks for earlier occurrences of what stands at a place.
type finder struct {
	symbols []uint16
	head    map[uint64]int32 // The newest place of each four symbols.
	prev    []int32          // The place before with the same four symbols, -1 for none.
}

// parse cuts the symbols into literals and matches. No match covers or copies a
// value.
func parse(symbols []uint16) []token {
	f := &finder{symbols: symbols, head: make(map[uint64]int32), prev: make([]int32, len(symbols))}
	var tokens []token
	for at := 0; at < len(symbols); {
		length, distance := f.find(at)
		f.add(at)
		if length >= minMatch && length < lazyMatch {
			if next, _ := f.find(at + 1); next > length {
				length = 0
			}
		}
		if length < minMatch {
			tokens = append(tokens, token{at: at})
			at++
			continue
		}
		tokens = append(tokens, token{at, length, distance})
		for i := at + 1; i < at+length; i++ {
			f.add(i)
		}
		at += length
	}
	return tokens
}

func (f *finder) key(at int) (uint64, bool) {
	if at+minMatch > len(f.symbols) {
		return 0, false
	}
	key := uint64(0)
	for _, s := range f.symbols[at : at+minMatch] {
		if s == valueSymbol {
			return 0, false
		}
		key = key<<16 | uint64(s)
	}
	return key, true
}

func (f *finder) add(at int) {
	f.prev[at] = -1
	key, ok := f.key(at)
	if !ok {
		return
	}
	if before, ok := f.head[key]; ok {
		f.prev[at] = before
	}
	f.head[key] = int32(at)
}

// find returns the longest match, 0 if there is none.
func (f *finder) find(at int) (length, distance int) {
	key, ok := f.key(at)
	if !ok {
		return 0, 0
	}
	candidate, ok := f.head[key]
	if !ok {
		return 0, 0
	}
	for range maxChain {
		if candidate < 0 || at-int(candidate) > window {
			break
		}
		if n := f.common(int(candidate), at); n > length {
			length, distance = n, at-int(candidate)
		}
		if length >= niceMatch {
			break
		}
		candidate = f.prev[candidate]
	}
	return length, distance
}

func (f *finder) common(a, b int) int {
	limit := min(maxMatch, len(f.symbols)-b)
	n := 0
	for n < limit && f.symbols[a+n] == f.symbols[b+n] && f.symbols[b+n] != valueSymbol {
		n++
	}
	return n
}
