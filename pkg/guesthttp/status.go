package guesthttp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Names of what was recognised.
const (
	stubStatus = "nginx stub_status"
	modStatus  = "Apache mod_status"
)

const stubStatusStart = "Active connections:"

// readStubStatus reads nginx's page:
//
//	Active connections: 291
//	server accepts handled requests
//	 16630948 16630948 31070465
//	Reading: 6 Writing: 179 Waiting: 106
//
// Tengine has a fourth column, request_time. The page counts its own read and
// the connection that it is read over.
func readStubStatus(head string) (reading, error) {
	lines := strings.Split(strings.TrimSpace(head), "\n")
	if len(lines) < 3 {
		return reading{}, stubStatusError("it has fewer than 3 lines")
	}
	active, err := parseCount(strings.TrimSpace(strings.TrimPrefix(lines[0], stubStatusStart)))
	if err != nil {
		return reading{}, stubStatusError(fmt.Sprintf("active connections: %v", err))
	}
	columns, values := strings.Fields(lines[1]), strings.Fields(lines[2])
	// The first column is the word server, which has no value.
	i := slices.Index(columns, "requests") - 1
	if i < 0 || i >= len(values) {
		return reading{}, stubStatusError("it has no column requests")
	}
	requests, err := parseCount(values[i])
	if err != nil {
		return reading{}, stubStatusError(fmt.Sprintf("requests: %v", err))
	}
	return reading{source: stubStatus, raw: requests, countsUs: true, connections: max(active-1, 0)}, nil
}

func stubStatusError(what string) error {
	return fmt.Errorf("the page begins like nginx's stub_status, but %s: let the location hold stub_status and nothing that changes the page", what)
}

// The lines of mod_status that are read.
const (
	totalAccesses = "Total Accesses"
	busyWorkers   = "BusyWorkers"
	connsTotal    = "ConnsTotal"
)

// readModStatus reads Apache's page for programs, lines of "key: value". It
// counts its own read after it is written.
//
// Where each connection keeps a worker (the MPMs prefork and worker), open
// connections are busy workers less ours. The MPM event tells ConnsTotal, which
// has idle connections too, but is taken every few seconds only, and by then
// ours is closed; so the larger of the two is what is open.
func readModStatus(head []byte) (reading, error) {
	said := reading{source: modStatus, raw: math.NaN(), countsUs: true, connections: math.NaN()}
	for line := range bytes.Lines(head) {
		key, value, _ := bytes.Cut(line, []byte(": "))
		if k := string(key); k != totalAccesses && k != busyWorkers && k != connsTotal {
			continue
		}
		n, err := parseCount(string(bytes.TrimSpace(value)))
		if err != nil {
			return reading{}, fmt.Errorf("the page is Apache's mod_status, but in the line %s: %w", key, err)
		}
		said.take(string(key), n)
	}
	if math.IsNaN(said.raw) {
		return reading{}, errors.New("the page is Apache's mod_status without Total Accesses: set ExtendedStatus On in Apache's configuration")
	}
	return said, nil
}

// take takes a line of mod_status into the reading.
func (r *reading) take(key string, n float64) {
	switch key {
	case totalAccesses:
		r.raw = n
		return
	case busyWorkers:
		n = max(n-1, 0)
	}
	if math.IsNaN(r.connections) || n > r.connections {
		r.connections = n
	}
}

// parseCount reads a whole number that a float64 can tell from its neighbours.
func parseCount(text string) (float64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > maxCount {
		return 0, fmt.Errorf("%.40q is no whole number from 0 to 2^53", text)
	}
	return float64(n), nil
}
