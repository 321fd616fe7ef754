package guesthttp

import (
	"fmt"
	"strconv"
)

// maxCount is the largest count. Beyond it a float64 cannot represent every
// whole number.
const maxCount = 1 << 53

// isCount reports whether a value can be that of a counter of requests.
func isCount(value float64) bool {
	return value >= 0 && value <= maxCount // False for NaN.
}

// parseCount parses a whole number from 0 to maxCount.
func parseCount(text string) (float64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > maxCount {
		return 0, fmt.Errorf("%.40q is not a whole number from 0 to 2^53", text)
	}
	return float64(n), nil
}
