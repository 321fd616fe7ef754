package page

import "hash/crc32"

// A CRC without its inversions is linear: that of a text is that of the text
// with holes, plus that of zeros with only the holes filled. So a page's
// checksum follows from a few bytes of it.

// advance multiplies such a CRC as so many zero bytes do that follow.
type advance [4][256]uint32

func newAdvance(zeros int) *advance {
	var columns [32]uint32 // What becomes of each bit.
	for i := range columns {
		columns[i] = 1 << i
		for range zeros {
			columns[i] = addByte(columns[i], 0)
		}
	}
	a := &advance{}
	for part := range a {
		for b := range a[part] {
			for i := range 8 {
				if b>>i&1 == 1 {
					a[part][b] ^= columns[8*part+i]
				}
			}
		}
	}
	return a
}

func (a *advance) apply(crc uint32) uint32 {
	return a[0][byte(crc)] ^ a[1][byte(crc>>8)] ^ a[2][byte(crc>>16)] ^ a[3][byte(crc>>24)]
}

func addByte(crc uint32, b byte) uint32 {
	return crc32.IEEETable[byte(crc)^b] ^ crc>>8
}
