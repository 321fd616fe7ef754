package guesthttp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// stubStatus is the source of what decodeStubStatus returns.
const stubStatus = "nginx stub_status"

// How its first line and its last line begin.
const (
	stubStatusStart = "Active connections:"
	stubStatusEnd   = "Reading:"
)

// isStubStatus reports whether a response is nginx's stub_status.
func isStubStatus(text []byte) bool { return bytes.HasPrefix(text, []byte(stubStatusStart)) }

// decodeStubStatus decodes nginx's stub_status:
//
//	Active connections: 291
//	server accepts handled requests
//	 16630948 16630948 31070465
//	Reading: 6 Writing: 179 Waiting: 106
//
// Tengine has a fourth column, request_time. The counts include the request for
// the status page itself and its connection.
func decodeStubStatus(head []byte) (reading, error) {
	lines := strings.Split(strings.TrimSpace(string(head)), "\n")
	if len(lines) < 4 || !strings.HasPrefix(lines[3], stubStatusEnd) {
		return reading{}, stubStatusError("its fourth line does not begin with " + stubStatusEnd)
	}
	active, err := parseCount(strings.TrimSpace(strings.TrimPrefix(lines[0], stubStatusStart)))
	if err != nil {
		return reading{}, stubStatusError(fmt.Sprintf("its active connections are wrong: %v", err))
	}
	columns, values := strings.Fields(lines[1]), strings.Fields(lines[2])
	// The first column is the word server, which has no value.
	i := slices.Index(columns, "requests") - 1
	if i < 0 || i >= len(values) {
		return reading{}, stubStatusError("has no column requests")
	}
	requests, err := parseCount(values[i])
	if err != nil {
		return reading{}, stubStatusError(fmt.Sprintf("its requests are wrong: %v", err))
	}
	return reading{source: stubStatus, series: []series{{value: requests}}, countsOwnReads: true, connections: max(active-1, 0)}, nil
}

func stubStatusError(problem string) error {
	return fmt.Errorf("the response begins like nginx's stub_status, but %s: use stub_status in a location of its own, with nothing that changes the response", problem)
}
