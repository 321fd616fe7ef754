package guesthttp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
)

// modStatus is the source of what decodeModStatus returns.
const modStatus = "Apache mod_status"

// The lines of mod_status that are decoded.
const (
	totalAccesses = "Total Accesses"
	busyWorkers   = "BusyWorkers"
	connsTotal    = "ConnsTotal"
	scoreboard    = "Scoreboard" // After all the others.
)

// modStatusKeys are in every response of mod_status; the first one only with
// ExtendedStatus On.
var modStatusKeys = []string{totalAccesses, busyWorkers, "IdleWorkers", scoreboard}

// isModStatus reports whether a response is Apache's mod_status with ?auto.
func isModStatus(text []byte) bool {
	if text[0] == '#' {
		return false // mod_status has no comments, and other formats may have anything in theirs.
	}
	found := 0
	for line := range bytes.Lines(text) {
		if key, _, ok := bytes.Cut(line, []byte(": ")); ok && slices.Contains(modStatusKeys, string(key)) {
			found++
		}
	}
	return found >= 2
}

// isModStatusHTML reports whether a response is Apache's mod_status without ?auto.
func isModStatusHTML(text []byte) bool {
	return text[0] == '<' && bytes.Contains(text, []byte("Apache Status"))
}

// decodeModStatus decodes Apache's mod_status with ?auto: lines of "key: value".
// Apache counts the request for the status page only after it has answered it.
//
// With the MPMs prefork and worker each connection occupies a worker, so the
// busy workers other than ours are the open connections. The MPM event reports
// ConnsTotal, which includes idle connections. But it updates ConnsTotal only
// every few seconds, when ours is already closed. So the larger of the two
// numbers is used.
func decodeModStatus(head []byte) (reading, error) {
	decoded := reading{source: modStatus, countsOwnReads: true, connections: math.NaN()}
	whole := false
	for line := range bytes.Lines(head) {
		key, value, _ := bytes.Cut(line, []byte(": "))
		switch string(key) {
		case scoreboard:
			whole = true
			continue
		case totalAccesses, busyWorkers, connsTotal:
		default:
			continue
		}
		n, err := parseCount(string(bytes.TrimSpace(value)))
		if err != nil {
			return reading{}, fmt.Errorf("the response is Apache's mod_status, but its line %s is wrong: %w", key, err)
		}
		switch string(key) {
		case totalAccesses:
			decoded.series = []series{{value: n}}
		case busyWorkers:
			decoded.connections = larger(decoded.connections, max(n-1, 0))
		case connsTotal:
			decoded.connections = larger(decoded.connections, n)
		}
	}
	switch {
	case !whole:
		return reading{}, errors.New("the response is Apache's mod_status, but breaks off before its Scoreboard")
	case decoded.series == nil:
		return reading{}, errors.New("the response is Apache's mod_status without Total Accesses: set ExtendedStatus On in Apache's configuration")
	}
	return decoded, nil
}

// larger returns the larger of two numbers, of which a may be NaN.
func larger(a, b float64) float64 {
	if math.IsNaN(a) {
		return b
	}
	return max(a, b)
}
